# What the module system says when something is wrong. Kept apart so that nothing here is read while all is well.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elemAt
    filter
    foldl'
    genList
    head
    isAttrs
    isFunction
    isList
    isString
    length
    stringLength
    substring
    tryEval
    typeOf
    ;
  inherit (lib) showOption;

  isSensitive = builtins.isSensitive or (_: false);

  # Ends evaluation. `places` are where users have to look: [ { set, name } ]. Messages leave out secrets themselves,
  # so our own evaluator shows them even where secrets were compared.
  fail =
    places: hints: message:
    if builtins ? throwMessage then
      builtins.throwMessage { inherit places hints message; }
    else
      builtins.throw (concatStringsSep "\n" ([ message ] ++ hints));
  throw = fail [ ] [ ];
  placesOf =
    loc: defs:
    if loc == [ ] then
      [ ]
    else
      map (d: {
        set = d.from or { };
        name = last loc;
      }) (filter (d: isAttrs (d.from or { })) defs);
  override = "Use `lib.mkForce value' or `lib.mkDefault value' to change the priority on any of these definitions.";

  last = list: elemAt list (length list - 1);

  # Where a definition was written: the position of its attribute, where that is known.
  place =
    loc: d:
    let
      pos =
        if loc == [ ] || !(isAttrs (d.from or null)) then
          null
        else
          builtins.unsafeGetAttrPos (last loc) d.from;
    in
    if pos == null then
      "`${toString (d.file or "<unknown-file>")}'"
    else
      "`${pos.file}:${toString pos.line}:${toString pos.column}'";

  indent =
    text:
    builtins.replaceStrings [ "\n" ] [ "\n    " ] text;

  shorten = text: if stringLength text > 400 then substring 0 400 text + "..." else text;

  # A value for people, a few levels deep; what cannot be evaluated or must not be seen is named, not shown.
  showValue =
    depth: v:
    let
      try = tryEval v;
      quote = s: "\"${builtins.replaceStrings [ "\\" "\"" "\n" "\${" ] [ "\\\\" "\\\"" "\\n" "\\\${" ] s}\"";
      value = try.value;
      sub = showValue (depth - 1);
      items =
        open: close: list:
        if list == [ ] then
          "${open} ${close}"
        else if depth == 0 then
          "${open} ... ${close}"
        else
          "${open} ${concatStringsSep " " list} ${close}";
    in
    if isSensitive v then
      "(sensitive)"
    else if !try.success then
      "<error>"
    else if isString value then
      quote value
    else if value == null then
      "null"
    else if builtins.isBool value then
      if value then "true" else "false"
    else if builtins.isPath value || builtins.isInt value || builtins.isFloat value then
      toString value
    else if isFunction value then
      "<function>"
    else if isList value then
      items "[" "]" (if depth == 0 then [ "" ] else map sub value)
    else if value.type or null == "derivation" then
      "<derivation ${value.name or "???"}>"
    else
      items "{" "}" (
        if depth == 0 then
          if value == { } then [ ] else [ "" ]
        else
          map (n: "${lib.strings.escapeNixIdentifier n} = ${sub value.${n}};") (attrNames value)
      );

  showDefs =
    loc: defs:
    concatStringsSep "" (
      map (d: "\n- In ${place loc d}: ${indent (shorten (showValue 3 d.value))}") defs
    );

  showFiles = files: concatStringsSep " and " (map (f: "`${toString f}'") files);

  article = type: type.description or type.name or "value";

  # The edit distance of two short names.
  distance =
    a: b:
    let
      la = stringLength a;
      lb = stringLength b;
      row =
        prev: i:
        foldl' (
          acc: j:
          let
            cost = if substring i 1 a == substring j 1 b then 0 else 1;
            up = elemAt prev (j + 1) + 1;
            left = elemAt acc j + 1;
            diagonal = elemAt prev j + cost;
            min = x: y: if x < y then x else y;
          in
          acc ++ [ (min (min up left) diagonal) ]
        ) [ (i + 1) ] (genList (j: j) lb);
    in
    elemAt (foldl' row (genList (j: j) (lb + 1)) (genList (i: i) la)) lb;

  nearest =
    name: candidates:
    let
      limit = 1 + stringLength name / 3;
      close = filter (c: c.d <= limit) (
        map (n: {
          inherit n;
          d = distance name n;
        }) candidates
      );
      sorted = builtins.sort (a: b: a.d < b.d) close;
    in
    if sorted == [ ] then null else (head sorted).n;
in
rec {
  inherit
    showDefs
    showFiles
    nearest
    place
    ;

  whileEvaluating = loc: "while evaluating the option `${showOption loc}':";

  undefined =
    loc: throw "The option `${showOption loc}' is used but not defined. Set it, or give the option a default.";

  conditionNotBool =
    d: condition:
    throw "mkIf needs a Boolean condition, but was given ${showValue 1 condition} (in `${toString (d.file or "<unknown-file>")}').";

  wrongType =
    loc: type: values:
    let
      bad = filter (d: !(type.check d.value)) values;
    in
    fail (placesOf loc bad) [ ]
      "A definition for option `${showOption loc}' is not of type `${article type}'. Definition values:${showDefs loc bad}";

  conflict =
    loc: values:
    fail (placesOf loc values) [ override ]
      "The option `${showOption loc}' has conflicting definition values:${showDefs loc values}";

  conflictingTypes =
    loc: values:
    fail (placesOf loc values) [ ]
      "The option `${showOption loc}' has conflicting option types in its definitions:${showDefs loc values}";

  notUnique =
    message: loc: values:
    fail (placesOf loc values) [ override ]
      "The option `${showOption loc}' is defined multiple times while it's expected to be unique.${
        if message == "" then "" else "\n${message}"
      }\nDefinition values:${showDefs loc values}";

  readOnly =
    loc: values:
    fail (placesOf loc values) [ ] "The option `${showOption loc}' is read-only, but it's set multiple times. Definition values:${showDefs loc values}";

  notASet =
    loc: d:
    fail (placesOf loc [ d ]) [ ] "The option `${showOption loc}' is a group of options and needs an attribute set, but it is defined as ${showValue 1 d.value} in ${place loc d}.";

  configNotASet =
    file: sets:
    let
      bad = head (filter (s: !(isAttrs s.attrs)) sets);
    in
    throw "The configuration in `${toString file}' is not an attribute set but a ${typeOf bad.attrs}.";

  optionsNotASet =
    loc: d:
    throw (
      if loc == [ ] then
        "The `options' of module `${toString d.file}' are not an attribute set but a ${typeOf d.options}."
      else
        "The option declaration `${showOption loc}' in `${toString d.file}' is neither an option nor a set of options, but a ${typeOf d.options}. Did you forget mkOption?"
    );

  undeclared =
    prefix: unmatched: hasOptions: options:
    let
      u = head unmatched;
      all = concatMap (
        u:
        map (name: {
          inherit (u) file from;
          value = u.attrs.${name};
          loc = u.loc ++ [ name ];
        }) (attrNames u.attrs)
      ) unmatched;
      name = head (attrNames u.attrs);
      loc = u.loc ++ [ name ];
      here = filter (d: d.loc == loc) all;
      known = attrNames (
        foldl' (o: n: o.${n} or { }) options (
          genList (i: elemAt u.loc (i + length prefix)) (length u.loc - length prefix)
        )
      );
      suggestion = nearest name (filter (n: n != "_module") known);
      hint =
        if suggestion != null then
          [ "Did you mean `${showOption (u.loc ++ [ suggestion ])}'?" ]
        else if !hasOptions then
          [
            "It seems as if you're trying to declare an option by placing it into `config' rather than `options', or no module declares any option."
          ]
        else
          [ ];
    in
    fail (placesOf loc here) hint
      "The option `${showOption loc}' does not exist. Definition values:${showDefs loc here}";

  declaredTwice =
    loc: decls:
    throw "The option `${showOption loc}' in ${place loc (head decls)} is already declared in ${
      concatStringsSep " and " (map (place loc) (builtins.tail decls))
    }.";

  optionIsParent =
    loc: leaves: groups:
    let
      l = head leaves;
      names = concatMap (
        d: map (n: "\n- `${showOption (loc ++ [ n ])}' in `${toString d.file}'") (attrNames d.value)
      ) groups;
    in
    throw "The option `${showOption loc}' in ${place loc l} would be a parent of the following options, but its type `${
      article (l.value.type or { name = "unspecified value"; })
    }' does not support nested options.${concatStringsSep "" names}";

  mixedForms =
    file: names:
    throw ''
      Module `${toString file}' has an unsupported attribute `${head names}'. This is caused by introducing a top-level `config' or `options' attribute. Add configuration attributes immediately on the top level instead, or move all of them (namely: ${concatStringsSep " " names}) into the explicit `config' attribute.'';

  wrongClass =
    file: class: expected:
    throw "The module `${toString file}' was imported into ${expected} instead of ${class}: it is of class `${class}'.";

  notAModule =
    file: m:
    throw (
      if isAttrs m && m ? _type then
        "Could not load a value as a module, because it is of type \"${m._type}\", in file `${toString file}'.${
          {
            flake = " Perhaps you meant to take one of the flake's outputs, such as `.modules.<class>.<name>'.";
            option = " An option declaration belongs into `options'.";
            option-type = " A type belongs into `options', in mkOption.";
            configuration = " An evaluated configuration is not a module; its `type' or `config' may be what is needed.";
          }
          .${m._type} or ""
        }"
      else
        "A module must be an attribute set, a function, a path or a list of modules, but in `${toString file}' there is a ${typeOf m}."
    );

  moduleNotASet =
    key: m:
    throw "A module function must return an attribute set, but the one in `${toString key}' returns a ${typeOf m}.";

  importsNotAList =
    file: m: throw "The `imports' of module `${toString file}' must be a list, but are a ${typeOf m}.";

  notAModuleKey =
    file: m:
    throw "An element of `disabledModules' in `${toString file}' must be a path, a string or a module with a `key', but is a ${typeOf m}.";

  missingArgument =
    file: key: name:
    throw "The module in `${if file == "<unknown-file>" then key else toString file}' asks for the argument `${name}', but nothing provides it (`_module.args.${name}' is not defined).";
}
