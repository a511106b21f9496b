# What types are made with.
{ lib }:
let
  inherit (builtins)
    concatStringsSep
    elem
    elemAt
    genList
    head
    isList
    isPath
    isString
    length
    mapAttrs
    tail
    toJSON
    zipAttrsWith
    ;
  inherit (lib.options)
    getValues
    mergeDefaultOption
    mergeEqualOption
    ;
  inherit (lib) types;

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

  addCheck = type: check: type // { check = x: type.check x && check x; };
  isType = name: v: v ? _type && v._type == name;
  setType = name: v: v // { _type = name; };
in
{
  inherit
    isKnown
    last
    imap
    toList
    describe
    nounOrComposite
    nounOrConjunction
    functor
    elemFunctor
    typeMergeBy
    isStringLike
    mergeAttrs
    byName
    mkOptionType
    scalar
    within
    show
    intOf
    stringsJoinedBy
    addCheck
    isType
    setType
    ;
}
