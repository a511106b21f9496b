# Merging the definitions of one value.
{ lib }:
let
  inherit (builtins)
    all
    head
    tail
    ;

  # Loaded only when something goes wrong.
  errors = import ./errors.nix { inherit lib; };
  inherit (import ./properties.nix { inherit lib; })
    isProperty
    resolve
    ;

  # `values` are resolved: no properties, strongest priority only.
  mergeResolved =
    loc: type: values:
    if values == [ ] then
      errors.undefined loc
    else if all (d: type.check d.value) values then
      type.merge loc values
    else
      errors.wrongType loc type values;

  mergeDefinitions =
    loc: type: defs:
    let
      defsFinal' = resolve defs;
      defsFinal = defsFinal'.values;
      isDefined = defsFinal != [ ];
      mergedValue = mergeResolved loc type defsFinal;
    in
    {
      inherit
        defsFinal
        defsFinal'
        isDefined
        mergedValue
        ;
      optionalValue = if isDefined then { value = mergedValue; } else { };
    };

  # Only the value: a single definition without properties, which most are, goes straight to its type.
  mergeValue =
    loc: type: defs:
    let
      d = head defs;
    in
    if defs != [ ] && tail defs == [ ] && !(isProperty d.value) then
      if type.check d.value then type.merge loc defs else errors.wrongType loc type defs
    else
      mergeResolved loc type (resolve defs).values;

  # The same, where having no definition left is fine if the type knows an empty value.
  mergeValueOrEmpty =
    loc: type: defs:
    let
      d = head defs;
      inherit (resolve (if type ? spread then type.spread defs else defs)) values;
    in
    if tail defs == [ ] && !(isProperty d.value) then
      if type.check d.value then type.merge loc defs else errors.wrongType loc type defs
    else if values == [ ] && type.emptyValue ? value then
      type.emptyValue.value
    else
      mergeResolved loc type values;
in
{
  inherit
    mergeResolved
    mergeDefinitions
    mergeValue
    mergeValueOrEmpty
    ;
}
