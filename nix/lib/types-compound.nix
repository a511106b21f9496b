# Types made of other types.
{ lib }:
let
  inherit (builtins)
    all
    any
    attrNames
    attrValues
    concatStringsSep
    elemAt
    filter
    foldl'
    head
    isAttrs
    isList
    length
    mapAttrs
    tail
    ;
  inherit (lib.modules)
    isProperty
    mergeDefinitions
    mergeValue
    mergeValueOrEmpty
    ;
  inherit (lib.options)
    mergeOneOption
    mergeUniqueOption
    showOption
    ;
  inherit (import ./type-kit.nix { inherit lib; })
    isKnown
    imap
    describe
    nounOrComposite
    nounOrConjunction
    functor
    elemFunctor
    mergeAttrs
    byName
    mkOptionType
    addCheck
    ;
  inherit (lib) types;
  inherit (lib) modules;
  errors = import ./errors.nix { inherit lib; };
in
{
  # -- Lists -------------------------------------------------------------------------------------------------------

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

  # -- Attribute sets ----------------------------------------------------------------------------------------------

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

  # -- Choices -----------------------------------------------------------------------------------------------------

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

  # -- Uniqueness, checks, conversions -----------------------------------------------------------------------------

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

  # -- Functions ---------------------------------------------------------------------------------------------------

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
}
