# Declaring options, and the merge functions that types are made of.
{ lib }:
let
  inherit (builtins)
    all
    concatLists
    concatMap
    concatStringsSep
    elemAt
    filter
    foldl'
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isString
    length
    mapAttrs
    tail
    ;
  errors = import ./errors.nix { inherit lib; };
in
rec {
  isOption = v: v ? _type && v._type == "option";

  # Two additions, for submodules that keep their declarations free of functions so that all instances share them:
  # `instanceType = self: type` and `instanceDefault = self: value` are chosen by the instance (`self.config`,
  # `self.prefix`, `self.get "option"` for its definitions, `self.context`).
  mkOption =
    {
      default ? null,
      defaultText ? null,
      example ? null,
      description ? null,
      relatedPackages ? null,
      type ? null,
      apply ? null,
      internal ? null,
      visible ? null,
      readOnly ? null,
      instanceType ? null,
      instanceDefault ? null,
    }@attrs:
    attrs // { _type = "option"; };

  mkEnableOption =
    name:
    mkOption {
      default = false;
      example = true;
      description = if name ? _type && name._type == "mdDoc" then name else "Whether to enable ${name}.";
      type = lib.types.bool;
    };

  mkSinkUndeclaredOptions =
    attrs:
    mkOption (
      {
        internal = true;
        visible = false;
        default = false;
        description = "Sink for option definitions.";
        type = lib.mkOptionType {
          name = "sink";
          check = _: true;
          merge = _: _: false;
        };
        apply = _: throw "Option value is not readable because the option is not declared.";
      }
      // attrs
    );

  getValues = map (x: x.value);
  getFiles = map (x: x.file);

  # What becomes of several definitions when the type has no opinion of its own.
  mergeDefaultOption =
    loc: defs:
    let
      list = getValues defs;
      first = head list;
    in
    if length list == 1 then
      first
    else if all isFunction list then
      x: mergeDefaultOption loc (map (f: { value = f x; }) list)
    else if all isList list then
      concatLists list
    else if all isAttrs list then
      foldl' (a: b: a // b) { } list
    else if all isBool list then
      foldl' (a: b: a || b) false list
    else if all isString list then
      concatStringsSep "" list
    else if all isInt list && all (x: x == first) list then
      first
    else
      errors.conflict loc defs;

  mergeOneOption = mergeUniqueOption { message = ""; };

  mergeUniqueOption =
    {
      message,
      merge ? null,
    }:
    loc: defs:
    if tail defs == [ ] then
      if merge == null then (head defs).value else merge loc defs
    else
      errors.notUnique message loc defs;

  mergeEqualOption =
    loc: defs:
    let
      first = (head defs).value;
    in
    if tail defs == [ ] then
      first
    else if all (d: d.value == first) (tail defs) then
      first
    else
      errors.conflict loc defs;

  inherit (errors) showDefs showFiles;

  # An option's path as one would write it.
  showOption =
    parts:
    let
      show =
        part:
        if elemAt' part then part else lib.strings.escapeNixIdentifier part;
      # Placeholders such as <name> or * are not quoted.
      elemAt' = part: builtins.match "<.*>|[*]|\\[definition .*]|‹.*›" part != null;
    in
    concatStringsSep "." (map (p: show (toString p)) parts);

  showOptionWithDefLocs = opt: ''
    ${showOption opt.loc}, with values defined in:
    ${concatStringsSep "\n" (map (f: "  - `${toString f}'") opt.files)}
  '';

  literalExpression = text: {
    _type = "literalExpression";
    inherit text;
  };
  literalExample = literalExpression;
  literalMD = text: {
    _type = "literalMD";
    inherit text;
  };
  mdDoc = text: text;

  scrubOptionValue =
    x:
    if x.type or null == "derivation" then
      x
      // {
        drvPath = x.name;
        outPath = x.name;
        inherit (x) name;
      }
    else if isList x then
      map scrubOptionValue x
    else if isAttrs x then
      mapAttrs (_: scrubOptionValue) (removeAttrs x [ "_args" ])
    else
      x;

  # All options below `options` as a flat list, for documentation.
  optionAttrSetToDocList = optionAttrSetToDocList' [ ];
  optionAttrSetToDocList' =
    prefix: options:
    concatMap (
      opt:
      let
        doc = {
          inherit (opt) loc;
          name = showOption opt.loc;
          description = opt.description or null;
          declarations = filter (x: x != "<unknown-file>") (opt.declarations or [ ]);
          internal = opt.internal or false;
          visible = if isBool (opt.visible or true) then opt.visible or true else opt.visible == "shallow";
          readOnly = opt.readOnly or false;
          type = opt.type.description or "unspecified";
        }
        // (if opt ? example then { example = renderOptionValue opt.example; } else { })
        // (
          if opt ? defaultText then
            { default = renderOptionValue opt.defaultText; }
          else if opt ? default then
            { default = renderOptionValue opt.default; }
          else
            { }
        );
        below = if opt ? type.getSubOptions then opt.type.getSubOptions opt.loc else { };
      in
      [ doc ] ++ (if below == { } then [ ] else optionAttrSetToDocList' opt.loc below)
    ) (collectOptions options);

  collectOptions =
    v:
    if isOption v then
      [ v ]
    else if isAttrs v then
      concatMap collectOptions (builtins.attrValues (removeAttrs v [ "_module" ]))
    else
      [ ];

  renderOptionValue =
    v:
    if v ? _type && v ? text then v else literalExpression (lib.generators.toPretty { multiline = true; } v);
}
