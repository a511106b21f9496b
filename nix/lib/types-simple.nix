# Types of values that have no parts of their own.
{ lib }:
let
  inherit (builtins)
    all
    any
    concatStringsSep
    elem
    head
    isAttrs
    isBool
    isFloat
    isInt
    isPath
    isString
    length
    match
    substring
    tail
    typeOf
    ;
  inherit (lib.options)
    mergeEqualOption
    mergeOneOption
    ;
  inherit (import ./type-kit.nix { inherit lib; })
    functor
    isStringLike
    mkOptionType
    scalar
    within
    intOf
    stringsJoinedBy
    addCheck
    ;
  inherit (lib) types;
  errors = import ./errors.nix { inherit lib; };

  attrsOfAnything = types.lazyAttrsOf types.anything;
in
{
  # -- Anything ----------------------------------------------------------------------------------------------------

  unspecified = mkOptionType {
    name = "unspecified";
    description = "unspecified value";
    descriptionClass = "noun";
  };

  raw = mkOptionType {
    name = "raw";
    description = "raw value";
    descriptionClass = "noun";
    merge = mergeOneOption;
    isPlain = true;
  };

  # Attribute sets merge, functions merge by their results, all else has to agree.
  anything = mkOptionType {
    name = "anything";
    description = "anything";
    descriptionClass = "noun";
    merge =
      loc: defs:
      let
        kind = v: if isAttrs v && isStringLike v then "coercible" else typeOf v;
        first = kind (head defs).value;
      in
      if !(all (d: kind d.value == first) (tail defs)) then
        errors.conflictingTypes loc defs
      else if first == "set" then
        attrsOfAnything.merge loc defs
      else if first == "coercible" then
        mergeOneOption loc defs
      else if first == "lambda" then
        arg:
        types.anything.merge (loc ++ [ "<function body>" ]) (
          map (d: {
            inherit (d) file;
            value = d.value arg;
          }) defs
        )
      else
        mergeEqualOption loc defs;
  };

  # -- Scalars -----------------------------------------------------------------------------------------------------

  bool = scalar "bool" "boolean" isBool;
  boolByOr = mkOptionType {
    name = "boolByOr";
    description = "boolean (merged using or)";
    descriptionClass = "noun";
    check = isBool;
    merge = _: defs: any (d: d.value) defs;
    isPlain = true;
  };
  int = scalar "int" "signed integer" isInt;
  float = scalar "float" "floating point number" isFloat;
  number = types.either types.int types.float;

  ints = {
    between =
      low: high:
      if low > high then
        throw "ints.between: the lowest value must be smaller than the highest value"
      else
        within "intBetween" "integer between ${toString low} and ${toString high} (both inclusive)" types.int low high;
    unsigned = addCheck types.int (x: x >= 0) // {
      name = "unsignedInt";
      description = "unsigned integer, meaning >=0";
      descriptionClass = "nonRestrictiveClause";
    };
    positive = addCheck types.int (x: x > 0) // {
      name = "positiveInt";
      description = "positive integer, meaning >0";
      descriptionClass = "nonRestrictiveClause";
    };
    u8 = intOf 8 0 255;
    u16 = intOf 16 0 65535;
    u32 = intOf 32 0 4294967295;
    s8 = intOf 8 (-128) 127;
    s16 = intOf 16 (-32768) 32767;
    s32 = intOf 32 (-2147483648) 2147483647;
  };
  port = types.ints.u16;
  numbers = {
    between =
      low: high:
      within "numberBetween" "integer or floating point number between ${toString low} and ${toString high} (both inclusive)"
        types.number
        low
        high;
    nonnegative = addCheck types.number (x: x >= 0) // {
      name = "numberNonnegative";
      description = "nonnegative integer or floating point number, meaning >=0";
    };
    positive = addCheck types.number (x: x > 0) // {
      name = "numberPositive";
      description = "positive integer or floating point number, meaning >0";
    };
  };

  str = scalar "str" "string" isString;
  nonEmptyStr = scalar "nonEmptyStr" "non-empty string" (
    x: isString x && match "[ \t\n]*" x == null
  );
  singleLineStr = mkOptionType {
    name = "singleLineStr";
    description = "(optionally newline-terminated) single-line string";
    descriptionClass = "noun";
    check = x: isString x && match "[^\n\r]*\n?" x != null;
    merge =
      loc: defs:
      lib.removeSuffix "\n" (mergeEqualOption loc defs);
  };
  strMatching =
    pattern:
    mkOptionType {
      name = "strMatching ${lib.strings.escapeNixString pattern}";
      description = "string matching the pattern ${pattern}";
      descriptionClass = "noun";
      check = x: isString x && match pattern x != null;
      merge = mergeEqualOption;
      isPlain = true;
      functor = functor "strMatching ${lib.strings.escapeNixString pattern}" (types.strMatching pattern);
    };
  separatedString = stringsJoinedBy "separatedString";
  lines = stringsJoinedBy "separatedString" "\n";
  commas = stringsJoinedBy "separatedString" ",";
  envVar = stringsJoinedBy "separatedString" ":";
  string = types.separatedString "";

  enum =
    values:
    let
      shown = map (
        v:
        if isString v then
          ''"${v}"''
        else if isInt v then
          toString v
        else if isBool v then
          if v then "true" else "false"
        else
          "<${typeOf v}>"
      ) values;
    in
    mkOptionType {
      name = "enum";
      description =
        if values == [ ] then
          "impossible (empty enum)"
        else if tail values == [ ] then
          "value ${head shown} (singular enum)"
        else
          "one of ${concatStringsSep ", " shown}";
      descriptionClass = if length values < 2 then "noun" else "conjunction";
      check = x: elem x values;
      merge = mergeEqualOption;
      isPlain = true;
      functor = {
        name = "enum";
        type = payload: types.enum payload.values;
        wrapped = null;
        payload = { inherit values; };
        binOp = a: b: { values = lib.unique (a.values ++ b.values); };
      };
    };

  # -- Paths and packages ------------------------------------------------------------------------------------------

  path = types.pathWith { absolute = true; } // {
    name = "path";
    description = "absolute path";
  };
  pathInStore = types.pathWith { inStore = true; };
  externalPath = types.pathWith {
    absolute = true;
    inStore = false;
  };
  pathWith =
    {
      inStore ? null,
      absolute ? null,
    }:
    mkOptionType {
      name = "pathWith";
      description = "${if absolute == true then "absolute " else if absolute == false then "relative " else ""}path${
        if inStore == true then
          " in the Nix store"
        else if inStore == false then
          " not in the Nix store"
        else
          ""
      }";
      descriptionClass = "noun";
      check =
        x:
        isStringLike x
        && (
          let
            text = if isPath x then toString x else "${toString x}";
            isAbsolute = substring 0 1 text == "/";
            inside = lib.hasPrefix "${builtins.storeDir}/" text;
          in
          (absolute == null || isAbsolute == absolute)
          && (inStore == null || inside == inStore)
        );
      merge = mergeEqualOption;
      isPlain = true;
      functor = {
        name = "pathWith";
        type = types.pathWith;
        wrapped = null;
        payload = { inherit inStore absolute; };
        binOp = a: b: if a == b then a else null;
      };
    };

  package = mkOptionType {
    name = "package";
    description = "package";
    descriptionClass = "noun";
    check = x: (isAttrs x && x.type or null == "derivation") || lib.isStorePath x;
    merge =
      loc: defs:
      let
        res = mergeOneOption loc defs;
      in
      if isAttrs res && res.type or null == "derivation" then res else lib.toDerivation res;
  };
  shellPackage = types.package // {
    check = x: types.package.check x && x ? shellPath;
  };
  pkgs = addCheck (types.unique { message = "A Nixpkgs pkgs set can not be merged with another pkgs set."; } types.attrs // {
    name = "pkgs";
    descriptionClass = "noun";
    description = "Nixpkgs package set";
  }) (x: x._type or null == "pkgs");
}
