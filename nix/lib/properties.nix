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

  # A definition `{ file, value, from }` without its properties: a list of definitions that carry `priority` and
  # `order` instead. The outermost override and the outermost order win.
  discharge =
    priority: order: def:
    let
      v = def.value;
    in
    if !(isProperty v) then
      [
        (
          def
          // {
            priority = if priority == null then defaultPriority else priority;
            order = if order == null then defaultOrder else order;
          }
        )
      ]
    else
      {
        "if" =
          if v.condition == true then
            discharge priority order (def // { value = v.content; })
          else if v.condition == false then
            [ ]
          else
            errors.conditionNotBool def v.condition;
        merge = concatMap (value: discharge priority order (def // { inherit value; })) v.contents;
        override =
          discharge (if priority == null then v.priority else priority) order
            (def // { value = v.content; });
        order =
          discharge priority (if order == null then v.priority else order)
            (def // { value = v.content; });
        definition = discharge priority order {
          inherit (v) file value;
          from = v;
        };
      }
      .${v._type};

  # The definitions that count: those of the strongest priority, sorted where one of them asks for it.
  resolve =
    defs:
    let
      flat = concatMap (discharge null null) defs;
      strongest = foldl' (p: d: if d.priority < p then d.priority else p) 1000000 flat;
      kept = filter (d: d.priority == strongest) flat;
    in
    {
      highestPrio = if flat == [ ] then 1500 else strongest;
      values =
        if any (d: d.order != defaultOrder) kept then sort (a: b: a.order < b.order) kept else kept;
    };

  dischargeProperties = value: map (d: d.value) (discharge null null { inherit value; });

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
