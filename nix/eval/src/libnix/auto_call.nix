# Calls a function that takes a set, as `nix-instantiate` does, with those of some arguments that it
# takes. Whatever else a value is, it stays.
args:
let
  inherit (builtins)
    attrNames
    filter
    functionArgs
    head
    intersectAttrs
    isAttrs
    isFunction
    length
    split
    toXML
    ;

  # Only there can be seen what kind of argument a function has.
  has = part: value: length (split part (toXML value)) > 1;

  autoCall =
    value:
    if isAttrs value then
      if value ? __functor then autoCall (value.__functor value) else value
    else if !isFunction value || !has "^[^/]*<attrspat" value then
      value
    else
      call value (functionArgs value);

  call =
    function: formals:
    let
      missing = filter (name: !formals.${name} && !args ? ${name}) (attrNames formals);
    in
    if missing != [ ] then
      throw "cannot evaluate a function that has an argument without a value ('${head missing}')\nIt is given by `--arg' or `--argstr'."
    else
      function (if has "<attrspat[^>]* ellipsis" function then args else intersectAttrs formals args);
in
autoCall
