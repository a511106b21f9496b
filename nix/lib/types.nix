# Option types: what a definition may be, and what several of them make together.
#
# Beside the usual fields a type may have `isPlain = true`: the merge of a single checked definition without properties
# is the definition's own value, whatever the option's path.
{ lib }:
let
  inherit (builtins)
    all
    any
    attrNames
    attrValues
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    genList
    head
    isAttrs
    isBool
    isFloat
    isFunction
    isInt
    isList
    isPath
    isString
    length
    listToAttrs
    mapAttrs
    match
    stringLength
    substring
    tail
    toJSON
    typeOf
    zipAttrsWith
    ;
  inherit (lib) modules;
  inherit (modules)
    isProperty
    mergeDefinitions
    mergeValue
    mergeValueOrEmpty
    ;
  inherit (lib.options)
    getFiles
    getValues
    mergeDefaultOption
    mergeEqualOption
    mergeOneOption
    mergeUniqueOption
    showOption
    ;
  errors = import ./errors.nix { inherit lib; };

  # Whether looking at a value's outermost form is possible now; a value that waits for something is neither a property
  # nor to be dropped, so containers keep it as it is.
  isKnown = builtins.isKnown or (_: true);

  last = list: elemAt list (length list - 1);
  imap = f: list: genList (n: f (n + 1) (elemAt list n)) (length list);
  toList = x: if isList x then x else [ x ];

  # A phrase for use inside another type's description.
  describe =
    plainly: t:
    let
      text = t.description or t.name;
    in
    if elem (t.descriptionClass or null) plainly then text else "(${text})";
  nounOrComposite = describe [
    "noun"
    "composite"
  ];
  nounOrConjunction = describe [
    "noun"
    "conjunction"
  ];

  functor =
    name: type:
    {
      inherit name type;
      wrapped = null;
      payload = null;
      binOp = _: _: null;
    };

  # Types with one element type merge when their elements do.
  elemFunctor = name: make: elemType: {
    inherit name;
    type = payload: make payload.elemType;
    payload = { inherit elemType; };
    wrapped = elemType;
    binOp =
      a: b:
      let
        merged = a.elemType.typeMerge b.elemType.functor;
      in
      if merged == null then null else { elemType = merged; };
  };

  typeMergeBy =
    f: f':
    if f.name != f'.name then
      null
    else if f.payload == null && f'.payload or null == null then
      f.type
    else
      let
        payload = f.binOp f.payload f'.payload;
      in
      if payload == null then null else f.type payload;

  isStringLike = x: isString x || isPath x || x ? outPath || x ? __toString;

  # The values of an attribute set type, each name on its own. A function of the options' path and the definitions.
  mergeAttrs =
    mergeOne: loc: defs:
    let
      d = head defs;
    in
    if tail defs == [ ] then
      mapAttrs (
        name: value:
        mergeOne (loc ++ [ name ]) [
          {
            inherit (d) file;
            from = d.value;
            inherit value;
          }
        ]
      ) d.value
    else
      mapAttrs (name: mergeOne (loc ++ [ name ])) (byName defs);

  byName =
    defs:
    zipAttrsWith (_: ds: ds) (
      map (
        d:
        mapAttrs (_: value: {
          inherit (d) file;
          from = d.value;
          inherit value;
        }) d.value
      ) defs
    );

  mkOptionType =
    {
      name,
      description ? name,
      descriptionClass ? null,
      deprecationMessage ? null,
      check ? (_: true),
      merge ? mergeDefaultOption,
      emptyValue ? { },
      getSubOptions ? (_: { }),
      getSubModules ? null,
      substSubModules ? (_: null),
      typeMerge ? typeMergeBy functor,
      functor ? {
        inherit name;
        type = types.${name} or null;
        wrapped = null;
        payload = null;
        binOp = _: _: null;
      },
      nestedTypes ? { },
      isPlain ? false,
    }:
    {
      _type = "option-type";
      inherit
        name
        description
        descriptionClass
        deprecationMessage
        check
        merge
        emptyValue
        getSubOptions
        getSubModules
        substSubModules
        typeMerge
        functor
        nestedTypes
        isPlain
        ;
    };

  # A type of single values that must agree.
  scalar =
    name: description: check:
    mkOptionType {
      inherit name description check;
      descriptionClass = "noun";
      merge = mergeEqualOption;
      isPlain = true;
    };

  within =
    name: description: base: low: high:
    mkOptionType {
      inherit name;
      description = if description == "" then "${base.description} between ${show low} and ${show high} (both inclusive)" else description;
      descriptionClass = "nonRestrictiveClause";
      check = x: base.check x && low <= x && x <= high;
      merge = mergeEqualOption;
      isPlain = true;
    };
  show = toString;

  intOf =
    bits: low: high:
    within "intBetween" "${toString bits} bit ${
      if low < 0 then "signed" else "unsigned"
    } integer; between ${toString low} and ${toString high} (both inclusive)" types.int low high;

  stringsJoinedBy =
    name: sep:
    mkOptionType {
      inherit name;
      description =
        if sep == "" then "Concatenated string" else "strings concatenated with ${toJSON sep}";
      descriptionClass = "noun";
      check = isString;
      merge = _: defs: concatStringsSep sep (getValues defs);
      functor = {
        inherit name;
        type = payload: types.separatedString payload.sep;
        wrapped = null;
        payload = { inherit sep; };
        binOp = a: b: if a.sep == b.sep then { inherit sep; } else null;
      };
      isPlain = true;
    };

  types = {
    inherit mkOptionType isType setType;
    isOptionType = isType "option-type";
    defaultFunctor = name: functor name (types.${name} or null);
    defaultTypeMerge = typeMergeBy;
    optionDescriptionPhrase =
      unparenthesize: t:
      if unparenthesize (t.descriptionClass or null) then
        t.description or t.name
      else
        "(${t.description or t.name})";

    # -- Anything ---------------------------------------------------------------------------------------------------

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
          types.lazyAttrsOf_anything.merge loc defs
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
    lazyAttrsOf_anything = types.lazyAttrsOf types.anything;

    # -- Scalars ----------------------------------------------------------------------------------------------------

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

    # -- Paths and packages -------------------------------------------------------------------------------------------

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

    # -- Lists ------------------------------------------------------------------------------------------------------

    listOf =
      elemType:
      let
        plain = elemType.isPlain or false;
        name = "listOf";
        isAbsent = v: isKnown v && isProperty v && (lib.dischargeProperties v) == [ ];
        element =
          loc: d: n: i: value:
          mergeValue (loc ++ [ "[definition ${toString n}-entry ${toString i}]" ]) elemType [
            {
              inherit (d) file;
              inherit value;
            }
          ];
        merge =
          loc: defs:
          let
            parts = imap (
              n: d: imap (i: value: { inherit n d i value; }) d.value
            ) defs;
            # An element that is a property may stand for nothing.
            elements = filter (e: !(isAbsent e.value)) (builtins.concatLists parts);
          in
          map (e: element loc e.d e.n e.i e.value) elements;
      in
      mkOptionType {
        inherit name merge;
        description = "list of ${nounOrComposite elemType}";
        descriptionClass = "composite";
        check = isList;
        emptyValue.value = [ ];
        getSubOptions = prefix: elemType.getSubOptions (prefix ++ [ "*" ]);
        inherit (elemType) getSubModules;
        substSubModules = m: types.listOf (elemType.substSubModules m);
        functor = elemFunctor name types.listOf elemType;
        nestedTypes.elemType = elemType;
      };

    nonEmptyListOf =
      elemType:
      let
        list = addCheck (types.listOf elemType) (l: l != [ ]);
      in
      list
      // {
        description = "non-empty ${describe [ "noun" ] list}";
        emptyValue = { };
        substSubModules = m: types.nonEmptyListOf (elemType.substSubModules m);
      };

    # -- Attribute sets ---------------------------------------------------------------------------------------------

    attrs = mkOptionType {
      name = "attrs";
      description = "attribute set";
      descriptionClass = "noun";
      check = isAttrs;
      merge = _: defs: foldl' (a: d: a // d.value) { } defs;
      emptyValue.value = { };
    };

    attrsOf = elemType: types.attrsWith { inherit elemType; };

    # Names do not depend on whether a property stands for nothing, so values can refer to the set itself.
    lazyAttrsOf =
      elemType:
      types.attrsWith {
        inherit elemType;
        lazy = true;
      };

    attrsWith =
      {
        elemType,
        lazy ? false,
        placeholder ? "name",
      }:
      let
        # Only where a name's definitions are all properties can the name vanish.
        canVanish = ds: all (d: isKnown d.value && isProperty d.value) ds;
        strict =
          loc: defs:
          let
            all' = byName defs;
            suspects = filter (n: canVanish all'.${n}) (attrNames all');
            gone = filter (n: (mergeDefinitions (loc ++ [ n ]) elemType all'.${n}).isDefined == false) suspects;
            single = head defs;
          in
          if tail defs == [ ] && !(any (v: isKnown v && isProperty v) (attrValues single.value)) then
            mergeAttrs (here: mergeValue here elemType) loc defs
          else
            mapAttrs (n: mergeValue (loc ++ [ n ]) elemType) (removeAttrs all' gone);
        name = if lazy then "lazyAttrsOf" else "attrsOf";
      in
      mkOptionType {
        inherit name;
        description = "${if lazy then "lazy " else ""}attribute set of ${nounOrComposite elemType}";
        descriptionClass = "composite";
        check = isAttrs;
        merge = if lazy then mergeAttrs (here: mergeValueOrEmpty here elemType) else strict;
        emptyValue.value = { };
        getSubOptions = prefix: elemType.getSubOptions (prefix ++ [ "<${placeholder}>" ]);
        inherit (elemType) getSubModules;
        substSubModules =
          m:
          types.attrsWith {
            elemType = elemType.substSubModules m;
            inherit lazy placeholder;
          };
        functor = {
          name = "attrsWith";
          type = types.attrsWith;
          wrapped = elemType;
          payload = { inherit elemType lazy placeholder; };
          binOp =
            a: b:
            let
              merged = a.elemType.typeMerge b.elemType.functor;
            in
            if merged == null || a.lazy != b.lazy then
              null
            else
              {
                elemType = merged;
                inherit (a) lazy;
                placeholder = if a.placeholder == "name" then b.placeholder else a.placeholder;
              };
        };
        nestedTypes.elemType = elemType;
      };

    # A list counts as a set with numbers for names; kept for configurations that still rely on it.
    loaOf = types.attrsOf;

    # -- Choices ----------------------------------------------------------------------------------------------------

    nullOr =
      elemType:
      mkOptionType {
        name = "nullOr";
        description = "null or ${nounOrConjunction elemType}";
        descriptionClass = "conjunction";
        check = x: x == null || elemType.check x;
        merge =
          loc: defs:
          let
            nulls = filter (d: d.value == null) defs;
          in
          if tail defs == [ ] then
            if nulls == [ ] then elemType.merge loc defs else null
          else if nulls == [ ] then
            elemType.merge loc defs
          else if length nulls == length defs then
            null
          else
            throw "The option `${showOption loc}' is defined both null and not null.${errors.showDefs loc defs}";
        emptyValue.value = null;
        inherit (elemType) getSubOptions getSubModules;
        substSubModules = m: types.nullOr (elemType.substSubModules m);
        functor = elemFunctor "nullOr" types.nullOr elemType;
        nestedTypes.elemType = elemType;
        isPlain = elemType.isPlain or false;
      };

    either =
      t1: t2:
      mkOptionType {
        name = "either";
        description = "${nounOrConjunction t1} or ${
          describe [
            "noun"
            "conjunction"
            "composite"
          ] t2
        }";
        descriptionClass = "conjunction";
        check = x: t1.check x || t2.check x;
        merge =
          loc: defs:
          if all (d: t1.check d.value) defs then
            t1.merge loc defs
          else if all (d: t2.check d.value) defs then
            t2.merge loc defs
          else
            mergeOneOption loc defs;
        functor = {
          name = "either";
          type = payload: types.either (elemAt payload.elemType 0) (elemAt payload.elemType 1);
          wrapped = [
            t1
            t2
          ];
          payload.elemType = [
            t1
            t2
          ];
          binOp =
            a: b:
            let
              left = (elemAt a.elemType 0).typeMerge (elemAt b.elemType 0).functor;
              right = (elemAt a.elemType 1).typeMerge (elemAt b.elemType 1).functor;
            in
            if left == null || right == null then
              null
            else
              {
                elemType = [
                  left
                  right
                ];
              };
        };
        nestedTypes.left = t1;
        nestedTypes.right = t2;
        isPlain = t1.isPlain or false && t2.isPlain or false;
      };

    oneOf =
      ts:
      if ts == [ ] then
        throw "types.oneOf needs at least one type in its argument"
      else
        foldl' types.either (head ts) (tail ts);

    attrTag =
      tags:
      let
        names = attrNames tags;
        choices = concatStringsSep ", " names;
        options = mapAttrs (
          _: tag: if tag._type or null == "option" then tag else throw "types.attrTag needs options as tags"
        ) tags;
      in
      mkOptionType {
        name = "attrTag";
        description = "attribute-tagged union with choices: ${choices}";
        descriptionClass = "noun";
        check = v: isAttrs v && length (attrNames v) == 1 && tags ? ${head (attrNames v)};
        merge =
          loc: defs:
          let
            tag = head (attrNames (head defs).value);
          in
          if all (d: d.value ? ${tag}) defs then
            {
              ${tag} =
                (modules.evalModules {
                  prefix = loc;
                  modules = [ { options.${tag} = options.${tag}; } ] ++ map (d: {
                    _file = d.file;
                    config = d.value;
                  }) defs;
                }).config.${tag};
            }
          else
            errors.conflict loc defs;
        getSubOptions = prefix: mapAttrs (n: o: o // { loc = prefix ++ [ n ]; }) options;
        nestedTypes = mapAttrs (_: o: o.type) options;
        functor = functor "attrTag" null // {
          type = payload: types.attrTag payload.tags;
          payload = { inherit tags; };
          binOp = a: b: { tags = a.tags // b.tags; };
        };
      };

    # -- Uniqueness, checks, conversions ------------------------------------------------------------------------------

    uniq = types.unique { message = ""; };
    unique =
      { message }:
      type:
      mkOptionType {
        name = "unique";
        inherit (type)
          description
          descriptionClass
          check
          emptyValue
          getSubOptions
          getSubModules
          ;
        merge = mergeUniqueOption {
          inherit message;
          inherit (type) merge;
        };
        substSubModules = m: types.unique { inherit message; } (type.substSubModules m);
        functor = elemFunctor "unique" (types.unique { inherit message; }) type;
        nestedTypes.elemType = type;
        isPlain = type.isPlain or false;
      };

    inherit addCheck;

    coercedTo =
      coercedType: coerce: finalType:
      mkOptionType {
        name = "coercedTo";
        description = "${describe [ "noun" ] finalType} or ${describe [ "noun" ] coercedType} convertible to it";
        check = x: (coercedType.check x && finalType.check (coerce x)) || finalType.check x;
        merge =
          loc: defs:
          finalType.merge loc (
            map (d: if coercedType.check d.value then d // { value = coerce d.value; } else d) defs
          );
        inherit (finalType) emptyValue getSubOptions getSubModules;
        substSubModules = m: types.coercedTo coercedType coerce (finalType.substSubModules m);
        typeMerge = _: null;
        functor = functor "coercedTo" null // {
          wrapped = finalType;
        };
        nestedTypes = {
          inherit coercedType finalType;
        };
      };

    # -- Functions --------------------------------------------------------------------------------------------------

    functionTo =
      elemType:
      mkOptionType {
        name = "functionTo";
        description = "function that evaluates to a(n) ${nounOrComposite elemType}";
        descriptionClass = "composite";
        check = lib.isFunction;
        merge =
          loc: defs: arg:
          mergeValueOrEmpty (loc ++ [ "<function body>" ]) elemType (
            map (d: {
              inherit (d) file;
              value = d.value arg;
            }) defs
          );
        getSubOptions = prefix: elemType.getSubOptions (prefix ++ [ "<function body>" ]);
        inherit (elemType) getSubModules;
        substSubModules = m: types.functionTo (elemType.substSubModules m);
        functor = elemFunctor "functionTo" types.functionTo elemType;
        nestedTypes.elemType = elemType;
      };

    # -- Modules as values --------------------------------------------------------------------------------------------

    submodule =
      modules:
      types.submoduleWith {
        modules = toList modules;
        shorthandOnlyDefinesConfig = true;
      };

    submoduleWith =
      {
        modules,
        specialArgs ? { },
        shorthandOnlyDefinesConfig ? false,
        description ? null,
        class ? null,
      }:
      let
        prepared = lib.modules.prepare {
          inherit modules specialArgs class;
        };
        shorthand = shorthandOnlyDefinesConfig == true;
        instance =
          loc: defs:
          lib.modules.instantiate prepared {
            prefix = loc;
            inherit shorthand;
            extra = map (d: {
              inherit (d) file;
              module = d.value;
            }) defs;
            args.name = last loc;
          };
        bare = lib.modules.instantiate prepared {
          args.name = "‹name›";
        };
      in
      mkOptionType {
        name = "submodule";
        description =
          if description != null then
            description
          else
            let
              freeform = bare._module.freeformType;
            in
            if freeform == null then "submodule" else "open submodule of ${nounOrComposite freeform}";
        descriptionClass = "noun";
        check = x: isAttrs x || lib.isFunction x || isPath x;
        merge = loc: defs: (instance loc defs).config;
        emptyValue.value = { };
        getSubOptions =
          prefix:
          let
            docs =
              (lib.modules.instantiate prepared {
                inherit prefix;
                args.name = "‹name›";
              }).options;
            freeform = bare._module.freeformType;
          in
          docs
          // (
            if freeform == null then
              { }
            else
              { _freeformOptions = freeform.getSubOptions prefix; }
          );
        getSubModules = modules;
        substSubModules =
          m:
          types.submoduleWith {
            modules = m;
            inherit
              specialArgs
              shorthandOnlyDefinesConfig
              description
              class
              ;
          };
        nestedTypes =
          let
            freeform = bare._module.freeformType;
          in
          if freeform == null then { } else { freeformType = freeform; };
        functor = {
          name = "submodule";
          type = types.submoduleWith;
          wrapped = null;
          payload = {
            inherit
              modules
              specialArgs
              shorthandOnlyDefinesConfig
              description
              class
              ;
          };
          binOp = a: b: {
            class =
              if a.class == null || a.class == b.class then
                b.class
              else if b.class == null then
                a.class
              else
                throw "A submoduleWith option is declared multiple times with conflicting class values \"${a.class}\" and \"${b.class}\".";
            modules = a.modules ++ b.modules;
            specialArgs =
              if builtins.intersectAttrs a.specialArgs b.specialArgs == { } then
                a.specialArgs // b.specialArgs
              else
                throw "A submoduleWith option is declared multiple times with the same specialArgs \"${concatStringsSep "\", \"" (attrNames (builtins.intersectAttrs a.specialArgs b.specialArgs))}\"";
            shorthandOnlyDefinesConfig =
              if a.shorthandOnlyDefinesConfig == null then
                b.shorthandOnlyDefinesConfig
              else if b.shorthandOnlyDefinesConfig == null || a.shorthandOnlyDefinesConfig == b.shorthandOnlyDefinesConfig then
                a.shorthandOnlyDefinesConfig
              else
                throw "A submoduleWith option is declared multiple times with conflicting shorthandOnlyDefinesConfig values";
            description =
              if a.description == null then
                b.description
              else if b.description == null || a.description == b.description then
                a.description
              else
                throw "A submoduleWith option is declared multiple times with conflicting descriptions";
          };
        };
      };

    # A module that is collected here and evaluated elsewhere.
    deferredModule = types.deferredModuleWith { };
    deferredModuleWith =
      {
        staticModules ? [ ],
      }:
      mkOptionType {
        name = "deferredModule";
        description = "module";
        descriptionClass = "noun";
        check = x: isAttrs x || lib.isFunction x || isPath x;
        merge = loc: defs: {
          imports =
            staticModules
            ++ map (
              d: lib.setDefaultModuleLocation "${toString d.file}, via option ${showOption loc}" d.value
            ) defs;
        };
        emptyValue.value = {
          imports = staticModules;
        };
        getSubOptions = (types.submoduleWith { modules = staticModules; }).getSubOptions;
        getSubModules = if staticModules == [ ] then null else staticModules;
        substSubModules = m: types.deferredModuleWith { staticModules = m; };
        functor = {
          name = "deferredModuleWith";
          type = types.deferredModuleWith;
          wrapped = null;
          payload = { inherit staticModules; };
          binOp = a: b: { staticModules = lib.unique (a.staticModules ++ b.staticModules); };
        };
      };

    optionType = mkOptionType {
      name = "optionType";
      description = "optionType";
      descriptionClass = "noun";
      check = x: x._type or null == "option-type";
      merge =
        loc: defs:
        if tail defs == [ ] then
          (head defs).value
        else
          foldl' (
            t: d:
            let
              merged = t.typeMerge d.value.functor;
            in
            if merged == null then errors.conflict loc defs else merged
          ) (head defs).value (tail defs);
    };

  };

  addCheck = type: check: type // { check = x: type.check x && check x; };
  isType = name: v: v ? _type && v._type == name;
  setType = name: v: v // { _type = name; };
in
removeAttrs types [
  "lazyAttrsOf_anything"
]
