# Attribute sets.
{ lib }:
let
  inherit (builtins)
    all
    any
    attrNames
    attrValues
    catAttrs
    concatLists
    concatMap
    elem
    elemAt
    filter
    foldl'
    genList
    getAttr
    groupBy
    hasAttr
    head
    intersectAttrs
    isAttrs
    isList
    isString
    length
    listToAttrs
    mapAttrs
    removeAttrs
    tail
    zipAttrsWith
    ;
in
rec {
  inherit
    attrNames
    attrValues
    catAttrs
    getAttr
    hasAttr
    intersectAttrs
    isAttrs
    listToAttrs
    mapAttrs
    removeAttrs
    zipAttrsWith
    ;

  attrByPath =
    path: default: set:
    let
      n = length path;
      go =
        i: v:
        if i == n then
          v
        else if v ? ${elemAt path i} then
          go (i + 1) v.${elemAt path i}
        else
          default;
    in
    go 0 set;

  hasAttrByPath =
    path: set:
    path == [ ] || (set ? ${head path} && hasAttrByPath (tail path) set.${head path});

  longestValidPathPrefix =
    path: set:
    if path == [ ] || !(set ? ${head path}) then
      [ ]
    else
      [ (head path) ] ++ longestValidPathPrefix (tail path) set.${head path};

  setAttrByPath =
    path: value: if path == [ ] then value else { ${head path} = setAttrByPath (tail path) value; };

  getAttrFromPath =
    path: set:
    attrByPath path (throw ("cannot find attribute '" + builtins.concatStringsSep "." path + "'")) set;

  # Updates are { path, update }, with `update` a function of the old value.
  updateManyAttrsByPath =
    updates: value:
    let
      here = filter (u: u.path == [ ]) updates;
      below = groupBy (u: head u.path) (filter (u: u.path != [ ]) updates);
      nested =
        if below == { } then
          value
        else
          value
          // mapAttrs (
            name: us:
            updateManyAttrsByPath (map (u: u // { path = tail u.path; }) us) (
              value.${name} or (
                if all (u: length u.path > 1) us then { } else throw "updateManyAttrsByPath: the path element `${name}' does not exist"
              )
            )
          ) below;
    in
    foldl' (v: u: u.update v) nested here;

  attrVals = names: set: map (n: set.${n}) names;
  getAttrs = names: set: genAttrs names (n: set.${n});

  concatMapAttrs = f: set: foldl' (a: b: a // b) { } (attrValues (mapAttrs f set));

  filterAttrs =
    pred: set: removeAttrs set (filter (name: !(pred name set.${name})) (attrNames set));

  filterAttrsRecursive =
    pred: set:
    mapAttrs (_: v: if isAttrs v then filterAttrsRecursive pred v else v) (filterAttrs pred set);

  foldlAttrs =
    f: init: set:
    foldl' (acc: name: f acc name set.${name}) init (attrNames set);

  foldAttrs =
    op: nul: sets:
    mapAttrs (_: values: lib.foldr op nul values) (zipAttrs sets);

  collect =
    pred: v:
    if pred v then
      [ v ]
    else if isAttrs v then
      concatMap (collect pred) (attrValues v)
    else
      [ ];

  cartesianProduct =
    sets:
    foldl' (
      acc: name: concatMap (partial: map (v: partial // { ${name} = v; }) sets.${name}) acc
    ) [ { } ] (attrNames sets);
  cartesianProductOfSets = cartesianProduct;
  mapCartesianProduct = f: sets: map f (cartesianProduct sets);

  nameValuePair = name: value: { inherit name value; };

  mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  attrsToList = mapAttrsToList nameValuePair;

  mapAttrsRecursive = mapAttrsRecursiveCond (_: true);
  mapAttrsRecursiveCond =
    cond: f: set:
    let
      go =
        path:
        mapAttrs (
          name: v:
          let
            here = path ++ [ name ];
          in
          if isAttrs v && cond v then go here v else f here v
        );
    in
    go [ ] set;
  mapAttrsToListRecursive = mapAttrsToListRecursiveCond (_: _: true);
  mapAttrsToListRecursiveCond =
    cond: f: set:
    let
      go =
        path: v:
        if isAttrs v && cond path v then
          concatMap (name: go (path ++ [ name ]) v.${name}) (attrNames v)
        else
          [ (f path v) ];
    in
    go [ ] set;

  genAttrs = names: f: genAttrs' names (name: nameValuePair name (f name));
  genAttrs' = list: f: listToAttrs (map f list);

  isDerivation = v: v.type or null == "derivation";

  # A store path as if it were built by a derivation.
  toDerivation =
    path:
    let
      path' = if builtins ? storePath then builtins.storePath path else path;
      self = {
        type = "derivation";
        name = lib.sanitizeDerivationName (builtins.substring 33 (-1) (baseNameOf path'));
        outPath = path';
        outputs = [ "out" ];
        out = self;
        outputName = "out";
      };
    in
    self;

  optionalAttrs = cond: set: if cond then set else { };

  zipAttrsWithNames =
    names: f: sets:
    genAttrs names (name: f name (catAttrs name sets));
  zipAttrs = zipAttrsWith (_: values: values);
  zip = zipAttrsWith;

  mergeAttrsList =
    list:
    let
      go =
        from: to:
        if to - from > 1 then
          let
            mid = from + (to - from) / 2;
          in
          go from mid // go mid to
        else
          elemAt list from;
    in
    if list == [ ] then { } else go 0 (length list);

  recursiveUpdateUntil =
    stop: lhs: rhs:
    let
      go =
        path:
        zipAttrsWith (
          name: values:
          let
            here = path ++ [ name ];
          in
          if
            tail values == [ ] || stop here (elemAt values 1) (head values)
          then
            head values
          else
            go here values
        );
    in
    go [ ] [
      rhs
      lhs
    ];

  recursiveUpdate = recursiveUpdateUntil (_: l: r: !(isAttrs l && isAttrs r));

  matchAttrs =
    pattern: set:
    all (
      name:
      set ? ${name}
      && (
        let
          p = pattern.${name};
          v = set.${name};
        in
        if isAttrs p then isAttrs v && matchAttrs p v else p == v
      )
    ) (attrNames pattern);

  overrideExisting = old: new: mapAttrs (name: v: new.${name} or v) old;

  showAttrPath =
    path:
    if path == [ ] then
      "<root attribute path>"
    else
      lib.concatMapStringsSep "." lib.strings.escapeNixIdentifier path;

  invertAttrs = set: lib.mapAttrs' (name: v: nameValuePair "${v}" name) set;

  getOutput =
    output: pkg:
    if !(pkg ? outputSpecified) || !pkg.outputSpecified then
      pkg.${output} or pkg.out or pkg
    else
      pkg;
  getFirstOutput =
    candidates: pkg:
    let
      found = filter (name: hasAttr name pkg) candidates;
    in
    if pkg.outputSpecified or false || found == [ ] then pkg else pkg.${head found};
  getBin = getFirstOutput [
    "bin"
    "out"
  ];
  getLib = getFirstOutput [
    "lib"
    "static"
    "out"
  ];
  getStatic = getFirstOutput [
    "static"
    "lib"
    "out"
  ];
  getDev = getFirstOutput [
    "dev"
    "out"
  ];
  getInclude = getFirstOutput [
    "include"
    "dev"
    "out"
  ];
  getMan = getFirstOutput [
    "man"
    "out"
  ];
  chooseDevOutputs = map getDev;

  recurseIntoAttrs = set: set // { recurseForDerivations = true; };
  dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };

  unionOfDisjoint =
    x: y:
    let
      both = attrNames (intersectAttrs x y);
    in
    x
    // y
    // genAttrs both (name: throw "unionOfDisjoint: collision on ${name}; complete list: ${toString both}");
}
