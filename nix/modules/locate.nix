# Where a leaf was written: the position of the innermost attribute on the way to it that has one.
{ lib }:
let
  inherit (builtins)
    concatMap
    elemAt
    filter
    foldl'
    head
    isAttrs
    isInt
    isList
    length
    tail
    ;
  inherit (lib.modules) filterOverrides;

  # All values that `step` can lead to, from `defs`: [ { file, from, value, pos } ].
  into =
    defs: step:
    if isInt step then
      let
        elements = concatMap (
          d: if isList d.value then map (value: d // { inherit value; }) d.value else [ d ]
        ) defs;
      in
      if step < length elements then [ (elemAt elements step) ] else [ ]
    else
      concatMap (
        d:
        if isAttrs d.value && d.value ? ${step} then
          [
            {
              inherit (d) file;
              from = d.value;
              value = d.value.${step};
              pos =
                let
                  pos = builtins.unsafeGetAttrPos step d.value;
                in
                if pos == null then d.pos else pos;
            }
          ]
        else
          [ ]
      ) defs;
in
# `defs`: definitions as in `definitionsWithLocations`, of the option called `name`.
name: defs: path:
let
  start = map (
    d:
    d
    // {
      pos = if d.from or { } == { } then null else builtins.unsafeGetAttrPos name d.from;
    }
  ) defs;
  go =
    best: defs: path:
    let
      values = filterOverrides defs;
      found = filter (d: d.pos != null) values;
      here = if found == [ ] then best else (head found).pos;
    in
    if values == [ ] || path == [ ] then here else go here (into values (head path)) (tail path);
in
go null start path
