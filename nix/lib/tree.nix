# Options: the declarations of all modules as one tree, and what definitions make of it.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    all
    any
    attrNames
    concatLists
    concatMap
    filter
    foldl'
    head
    isAttrs
    length
    mapAttrs
    removeAttrs
    tail
    zipAttrsWith
    ;

  # Loaded only when something goes wrong.
  errors = import ./errors.nix { inherit lib; };
  inherit (lib) types;
  inherit (import ./properties.nix { inherit lib; })
    isProperty
    mkOptionDefault
    pushDown
    resolve
    ;
  inherit (import ./merge.nix { inherit lib; })
    mergeValue
    mergeResolved
    ;

  last = list: builtins.elemAt list (length list - 1);
  isOption = v: v ? _type && v._type == "option";

  # { options = { <name> = leaf; }; groups = { <name> = tree; }; names = [ <both> ]; }
  emptyTree = {
    options = { };
    groups = { };
    names = [ ];
  };

  # `decls`: list of { file, options }.
  declare =
    loc: decls:
    let
      byName = zipAttrsWith (_: ds: ds) (
        map (
          d:
          if isAttrs d.options then
            mapAttrs (_: value: {
              inherit (d) file;
              from = d.options;
              inherit value;
            }) d.options
          else
            errors.optionsNotASet loc d
        ) decls
      );
      nodes = mapAttrs (
        name: ds:
        let
          here = loc ++ [ name ];
          leaves = filter (d: isOption d.value) ds;
          groups = filter (d: !(isOption d.value)) ds;
        in
        if leaves == [ ] then
          {
            group = declare here (
              map (d: {
                inherit (d) file;
                options = d.value;
              }) ds
            );
          }
        else if groups == [ ] then
          { leaf = mkLeaf here leaves; }
        else if (head leaves).value ? type && (head leaves).value.type.getSubModules or null != null then
          # Options declared below an option whose type holds submodules are one more of these.
          {
            leaf = mkLeaf here (
              leaves
              ++ map (
                d:
                d
                // {
                  value = {
                    _type = "option";
                    type = types.submoduleWith {
                      shorthandOnlyDefinesConfig = null;
                      modules = [
                        {
                          _file = d.file;
                          options = d.value;
                        }
                      ];
                    };
                  };
                }
              ) groups
            );
          }
        else
          errors.optionIsParent here leaves groups
      ) byName;
      names = attrNames nodes;
    in
    {
      options = mapAttrs (_: n: n.leaf) (removeAttrs nodes (filter (n: nodes.${n} ? group) names));
      groups = mapAttrs (_: n: n.group) (removeAttrs nodes (filter (n: nodes.${n} ? leaf) names));
      inherit names;
    };

  # One option out of all its declarations.
  mergeDeclarations =
    loc: decls:
    let
      add =
        res: d:
        let
          new = d.value;
          type = if res ? type && new ? type then bothTypes else res.type or new.type or null;
          bothTypes =
            let
              merged = res.type.typeMerge new.type.functor;
            in
            if merged == null then errors.declaredTwice loc decls else merged;
          clash = any (field: res ? ${field} && new ? ${field}) [
            "default"
            "defaultText"
            "example"
            "description"
            "apply"
          ];
        in
        if clash then
          errors.declaredTwice loc decls
        else
          res // new // (if type == null then { } else { inherit type; });
      withFile =
        d:
        if (d.value.type or { }).getSubModules or null != null then
          d
          // {
            value = d.value // {
              type = d.value.type.substSubModules (
                map (lib.setDefaultModuleLocation d.file) d.value.type.getSubModules
              );
            };
          }
        else
          d;
    in
    if tail decls == [ ] then
      (head decls).value
    else
      let
        ds = map withFile decls;
      in
      foldl' add (head ds).value (tail ds);

  mkLeaf =
    loc: decls:
    let
      merged = mergeDeclarations loc decls;
      type = merged.type or types.unspecified;
      opt = merged // {
        inherit type;
        declarations = map (d: d.file) decls;
        declarationPositions = concatMap (
          d:
          let
            pos = builtins.unsafeGetAttrPos (last loc) d.from;
          in
          if pos == null then [ ] else [ pos ]
        ) decls;
        options =
          if type.getSubModules or null == null then
            [ ]
          else
            map (lib.setDefaultModuleLocation (head decls).file) type.getSubModules;
      };
      file = (head decls).file;
      hasDefault = merged ? default;
      hasApply = merged ? apply;
      readOnly = merged.readOnly or false;
      # Merging one definition of such a type gives the definition's value, so the default is the same everywhere.
      plain = type.isPlain or false;
      inherit (merged) apply;
      defaultDefs = [
        {
          inherit file;
          value = merged.default;
        }
      ];
      weakDefault =
        if hasDefault then
          [
            {
              inherit file;
              value = mkOptionDefault merged.default;
            }
          ]
        else
          [ ];
      sharedDefault =
        let
          value = mergeValue loc type defaultDefs;
        in
        if hasApply then apply value else value;
      instanceType = merged.instanceType or null;
      hasInstanceDefault = merged ? instanceDefault;
      withDefault = defs: weakDefault ++ defs;
      merge =
        self: loc: defs:
        let
          type' = if instanceType == null then type else instanceType self;
          value =
            if defs == [ ] then
              if hasInstanceDefault then
                merged.instanceDefault self
              else if hasDefault then mergeValue loc type' defaultDefs else errors.undefined loc
            else if readOnly && (hasDefault || hasInstanceDefault || tail defs != [ ]) then
              errors.readOnly loc (withDefault defs)
            else if tail defs == [ ] && !(isProperty (head defs).value) then
              if type'.check (head defs).value then
                type'.merge loc defs
              else
                errors.wrongType loc type' defs
            else
              mergeResolved loc type' (resolve (withDefault (if type' ? spread then type'.spread defs else defs))).values;
        in
        if hasApply then apply value else value;
    in
    {
      inherit opt withDefault;
      # The option's value in one instance: `self` is that instance, `defs` its definitions.
      value =
        self: loc: defs:
        if defs == [ ] && hasDefault && plain then
          sharedDefault
        else
          addErrorContext (errors.whileEvaluating loc) (merge self loc defs);
    };

  # The option as modules see it in their argument `options`.
  describe =
    leaf: loc: defs: value:
    let
      resolved = resolve (leaf.withDefault defs);
      final = resolved.values;
    in
    leaf.opt
    // {
      inherit loc value;
      definitions = map (d: d.value) final;
      definitionsWithLocations = final;
      files = map (d: d.file) final;
      inherit (resolved) highestPrio;
      isDefined = final != [ ];
      __toString = _: lib.showOption loc;
    };

  # Definitions of a group of options, property by property pushed down to its attributes.
  setsOf =
    loc: defs:
    concatMap (
      d:
      filter (s: if isAttrs s.attrs then true else errors.notASet loc (d // { value = s.attrs; })) (
        pushDown d.file d.value
      )
    ) defs;

  # `sets`: definitions of this part of the tree, [ { file, attrs, from } ].
  evaluate =
    self: loc: tree: sets:
    let
      s = head sets;
      byName = zipAttrsWith (_: concatLists) (
        map (
          s:
          mapAttrs (_: value: [
            {
              inherit (s) file from;
              inherit value;
            }
          ]) s.attrs
        ) sets
      );
      get =
        if sets == [ ] then
          _: [ ]
        else if tail sets == [ ] then
          name:
          if s.attrs ? ${name} then
            [
              {
                inherit (s) file from;
                value = s.attrs.${name};
              }
            ]
          else
            [ ]
        else
          name: byName.${name} or [ ];
      groups = mapAttrs (
        name: sub:
        let
          here = loc ++ [ name ];
        in
        evaluate self here sub (setsOf here (get name))
      ) tree.groups;
      hasGroups = attrNames tree.groups != [ ];
      options = mapAttrs (name: leaf: leaf.value self (loc ++ [ name ]) (get name)) tree.options;
    in
    {
      inherit groups get;
      config = if hasGroups then options // mapAttrs (_: g: g.config) groups else options;
      options =
        mapAttrs (
          name: leaf: describe leaf (loc ++ [ name ]) (get name) options.${name}
        ) tree.options
        // mapAttrs (_: g: g.options) groups;
      # What no option was declared for: [ { loc, file, attrs, from } ].
      unmatched =
        concatMap (
          s:
          let
            attrs = removeAttrs s.attrs tree.names;
          in
          # Comparing with { } would look whether the set is a package, and so evaluate an attribute `type`.
          if attrNames attrs == [ ] then
            [ ]
          else
            [
              {
                inherit loc attrs;
                inherit (s) file from;
              }
            ]
        ) sets
        ++ (
          if hasGroups then
            concatMap (name: groups.${name}.unmatched) (attrNames groups)
          else
            [ ]
        );
    };

  # Undeclared definitions take part through the freeform type; declared options win over what it made of a group.
  mergeFree =
    tree: free: declared:
    free
    // declared
    // mapAttrs (name: sub: mergeFree sub (free.${name} or { }) declared.${name}) tree.groups;
in
{
  inherit
    declare
    setsOf
    evaluate
    mergeFree
    ;
}
