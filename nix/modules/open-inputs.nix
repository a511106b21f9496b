# The type of inputs whose names and types only the provider knows.
#
# Definitions merge leaf by leaf: attribute sets by name, lists by concatenation, all else has to agree. Nothing is
# evaluated before it is asked for, so a leaf that waits for an output does not hide its neighbours. A leaf without a
# definition left (`mkIf false`) is null, which is to providers as if it were not set.
{ lib }:
let
  inherit (builtins)
    all
    concatMap
    head
    isAttrs
    isList
    mapAttrs
    tail
    zipAttrsWith
    ;
  inherit (lib.modules) isProperty filterOverrides;
  errors = import ../lib/errors.nix { inherit lib; };

  # Sets that stand for a string or a package have no leaves of their own.
  isTree = v: isAttrs v && !(v ? outPath) && !(v ? __toString);

  isKnown = builtins.isKnown or (_: true);

  # A set under a condition that waits for an output is taken apart: its names are known, so only its leaves wait.
  spread = concatMap spreadOne;
  spreadOne =
    d:
    let
      v = d.value;
      under =
        inner:
        inner
        // {
          value =
            if isKnown inner.value && isTree inner.value && !(isProperty inner.value) then
              mapAttrs (_: lib.mkIf v.condition) inner.value
            else
              lib.mkIf v.condition inner.value;
        };
    in
    if !(isKnown v) || !(isProperty v) then
      [ d ]
    else if v._type == "merge" then
      concatMap (value: spreadOne (d // { inherit value; })) v.contents
    else if v._type == "if" && !(isKnown v.condition) then
      map under (spreadOne (d // { value = v.content; }))
    else
      [ d ];

  settle = defs: filterOverrides (spread defs);

  # The usual case: one definition, whose parts have one definition each.
  single =
    loc: file: from: v:
    if isAttrs v then
      if isProperty v then
        node loc (settle [ { inherit file from; value = v; } ])
      else if v ? outPath || v ? __toString then
        v
      else
        mapAttrs (name: single (loc ++ [ name ]) file v) v
    else if isList v then
      map (single loc file from) v
    else
      v;

  node =
    loc: defs:
    let
      d = head defs;
    in
    if defs == [ ] then
      null
    else if tail defs == [ ] then
      single loc d.file d.from or { } d.value
    else if all (d: isTree d.value) defs then
      mapAttrs (name: ds: node (loc ++ [ name ]) (settle ds)) (
        zipAttrsWith (_: ds: ds) (
          map (
            d:
            mapAttrs (_: value: {
              inherit (d) file;
              from = d.value;
              inherit value;
            }) d.value
          ) defs
        )
      )
    else if all (d: isList d.value) defs then
      concatMap (d: map (single loc d.file d.from or { }) d.value) defs
    else if all (other: other.value == d.value) (tail defs) then
      d.value
    else
      errors.conflict loc defs;
in
lib.mkOptionType {
  name = "openInputs";
  description = "attribute set that follows the provider's schema";
  descriptionClass = "noun";
  check = isAttrs;
  emptyValue.value = { };
  merge = node;
}
// {
  inherit spread;
}
