# Properties: wrappers around a value that say when, how strongly and in which order it is merged.
{ lib }:
let
  inherit (builtins)
    any
    concatMap
    filter
    foldl'
    isString
    mapAttrs
    sort
    ;

  errors = import ./errors.nix { inherit lib; };

  # Priority and order of a definition that states none.
  defaultPriority = 100;
  defaultOrder = 1000;

  propertyTypes = {
    "if" = true;
    merge = true;
    override = true;
    order = true;
    definition = true;
  };
in
rec {
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };

  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };

  # A lower number wins.
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };

  mkOrder = priority: content: {
    _type = "order";
    inherit priority content;
  };

  # A definition with a file of its own, for values that were taken out of other modules.
  mkDefinition = definition@{ file, value, ... }: definition // { _type = "definition"; };

  mkAssert =
    assertion: message: content:
    mkIf (if assertion then true else throw "\nFailed assertion: ${message}") content;

  mkOptionDefault = mkOverride 1500;
  mkDefault = mkOverride 1000;
  defaultOverridePriority = defaultPriority;
  mkImageMediaOverride = mkOverride 60;
  mkForce = mkOverride 50;
  mkVMOverride = mkOverride 10;
  mkFixStrictness = value: value;

  mkBefore = mkOrder 500;
  defaultOrderPriority = defaultOrder;
  mkAfter = mkOrder 1500;

  isProperty = v: v ? _type && isString v._type && propertyTypes ? ${v._type};

  # A definition `{ file, value, from }` without conditions and merges: a list of definitions that carry `priority` and
  # `order`. What is inside an override or order is not looked at: it may lose, and then must not be evaluated.
  discharge =
    def:
    let
      v = def.value;
    in
    if !(isProperty v) then
      [
        (
          def
          // {
            priority = defaultPriority;
            order = defaultOrder;
          }
        )
      ]
    else
      {
        "if" =
          if v.condition == true then
            discharge (def // { value = v.content; })
          else if v.condition == false then
            [ ]
          else
            errors.conditionNotBool def v.condition;
        merge = concatMap (value: discharge (def // { inherit value; })) v.contents;
        override = [
          (
            def
            // {
              inherit (v) priority;
              order = defaultOrder;
              value = v.content;
              wrapped = "override";
            }
          )
        ];
        order = [
          (
            def
            // {
              priority = defaultPriority;
              order = v.priority;
              value = v.content;
              wrapped = "order";
            }
          )
        ];
        definition = discharge {
          inherit (v) file value;
          from = v;
        };
      }
      .${v._type};

  # The same all the way in. The outermost override and the outermost order win.
  dischargeAll =
    def:
    concatMap (
      d:
      if d ? wrapped then
        map (
          inner:
          inner
          // (if d.wrapped == "override" then { inherit (d) priority; } else { inherit (d) order; })
        ) (dischargeAll (removeAttrs d [ "wrapped" ]))
      else
        [ d ]
    ) (discharge def);

  # The definitions that count: those of the strongest priority, sorted where one of them asks for it.
  resolve = defs: strongest (concatMap discharge defs);

  strongest =
    flat:
    let
      best = foldl' (p: d: if d.priority < p then d.priority else p) 1000000 flat;
      group = filter (d: d.priority == best) flat;
      values = concatMap (
        d:
        if d ? wrapped then
          map (inner: if d.wrapped == "order" then inner // { inherit (d) order; } else inner) (
            dischargeAll (removeAttrs d [ "wrapped" ])
          )
        else
          [ d ]
      ) group;
    in
    if flat == [ ] then
      {
        highestPrio = 1500;
        values = [ ];
      }
    else if values == [ ] then
      # All of them were conditional, so the next ones have their turn.
      strongest (filter (d: d.priority != best) flat)
    else
      {
        highestPrio = best;
        values =
          if any (d: d.order != defaultOrder) values then sort (a: b: a.order < b.order) values else values;
      };

  dischargeProperties = value: map (d: d.value) (dischargeAll { inherit value; });

  filterOverrides = defs: (resolve defs).values;

  # A definition of a whole set, without the properties around it: these move to its attributes. `from` keeps the set
  # as it was written, which knows the positions of its attributes.
  pushDown =
    file: value:
    if !(isProperty value) then
      [
        {
          inherit file;
          attrs = value;
          from = value;
        }
      ]
    else
      let
        wrap =
          f: map (d: d // { attrs = mapAttrs (_: f) d.attrs; }) (pushDown file value.content);
      in
      {
        "if" = wrap (mkIf value.condition);
        merge = concatMap (pushDown file) value.contents;
        override = wrap (mkOverride value.priority);
        order = wrap (mkOrder value.priority);
        definition = pushDown value.file value.value;
      }
      .${value._type};
}
