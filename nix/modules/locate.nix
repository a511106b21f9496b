# Where a leaf was written: the attributes on the way to it, innermost first, as [ { set, name } ]; `set` is as it was
# written, so it knows the position of `name`.
{ lib }:
let
  inherit (builtins)
    concatMap
    elemAt
    head
    isAttrs
    isInt
    isList
    length
    tail
    ;
  inherit (lib.modules) filterOverrides;

  # All values that `step` can lead to, from `defs`: [ { file, from, value, place } ].
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
              place = {
                set = d.value;
                name = step;
              };
            }
          ]
        else
          [ ]
      ) defs;

  # `defs`: definitions as in `definitionsWithLocations`, of the option called `name`.
  places =
    name: defs:
    map (d: {
      set = d.from or { };
      inherit name;
    }) defs;
in
{
  inherit places;

  locate =
    name: defs: path:
    let
      go =
        found: defs: path:
        let
          values = filterOverrides defs;
          here = map (d: d.place) values ++ found;
        in
        if values == [ ] || path == [ ] then here else go here (into values (head path)) (tail path);
    in
    go [ ] (map (
      d:
      d
      // {
        place = {
          set = d.from or { };
          inherit name;
        };
      }
    ) defs) path;
}
