# Where a leaf was written: the attributes on the way to it, innermost first, as [ { set, name } ]; `set` is as it was
# written, so it knows the position of `name`.
{ lib }:
let
  inherit (builtins)
    concatMap
    elemAt
    filter
    head
    isAttrs
    isInt
    isList
    length
    tail
    ;
  inherit (lib.modules) filterOverrides;

  isKnown = builtins.isKnown or (_: true);

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
          # A definition that waits for an output has a place all the same.
          known = filter (d: isKnown d.value) defs;
          values = if length known == length defs then filterOverrides defs else defs;
          here = map (d: d.place) values ++ found;
          further = if length known == length defs then values else known;
        in
        if values == [ ] || path == [ ] then here else go here (into further (head path)) (tail path);
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
