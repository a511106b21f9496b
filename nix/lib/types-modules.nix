# Types whose values are modules, or configurations made of modules.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    foldl'
    head
    isAttrs
    isPath
    tail
    ;
  inherit (lib.options) showOption;
  inherit (import ./type-kit.nix { inherit lib; })
    last
    toList
    nounOrComposite
    functor
    mkOptionType
    ;
  inherit (lib) types;
  errors = import ./errors.nix { inherit lib; };
in
{
  submodule =
    modules:
    types.submoduleWith {
      modules = toList modules;
      shorthandOnlyDefinesConfig = true;
    };

  submoduleWith =
    {
      modules,
      specialArgs ? { },
      shorthandOnlyDefinesConfig ? false,
      description ? null,
      class ? null,
    }:
    let
      prepared = lib.modules.prepare {
        inherit modules specialArgs class;
      };
      shorthand = shorthandOnlyDefinesConfig == true;
      instance =
        loc: defs:
        lib.modules.instantiate prepared {
          prefix = loc;
          inherit shorthand;
          extra = map (d: {
            inherit (d) file;
            module = d.value;
          }) defs;
          args.name = last loc;
        };
      bare = lib.modules.instantiate prepared {
        args.name = "‹name›";
      };
    in
    mkOptionType {
      name = "submodule";
      description =
        if description != null then
          description
        else
          let
            freeform = bare._module.freeformType;
          in
          if freeform == null then "submodule" else "open submodule of ${nounOrComposite freeform}";
      descriptionClass = "noun";
      check = x: isAttrs x || lib.isFunction x || isPath x;
      merge = loc: defs: (instance loc defs).config;
      emptyValue.value = { };
      getSubOptions =
        prefix:
        let
          docs =
            (lib.modules.instantiate prepared {
              inherit prefix;
              args.name = "‹name›";
            }).options;
          freeform = bare._module.freeformType;
        in
        docs
        // (
          if freeform == null then
            { }
          else
            { _freeformOptions = freeform.getSubOptions prefix; }
        );
      getSubModules = modules;
      substSubModules =
        m:
        types.submoduleWith {
          modules = m;
          inherit
            specialArgs
            shorthandOnlyDefinesConfig
            description
            class
            ;
        };
      nestedTypes =
        let
          freeform = bare._module.freeformType;
        in
        if freeform == null then { } else { freeformType = freeform; };
      functor = {
        name = "submodule";
        type = types.submoduleWith;
        wrapped = null;
        payload = {
          inherit
            modules
            specialArgs
            shorthandOnlyDefinesConfig
            description
            class
            ;
        };
        binOp = a: b: {
          class =
            if a.class == null || a.class == b.class then
              b.class
            else if b.class == null then
              a.class
            else
              throw "A submoduleWith option is declared multiple times with conflicting class values \"${a.class}\" and \"${b.class}\".";
          modules = a.modules ++ b.modules;
          specialArgs =
            if builtins.intersectAttrs a.specialArgs b.specialArgs == { } then
              a.specialArgs // b.specialArgs
            else
              throw "A submoduleWith option is declared multiple times with the same specialArgs \"${concatStringsSep "\", \"" (attrNames (builtins.intersectAttrs a.specialArgs b.specialArgs))}\"";
          shorthandOnlyDefinesConfig =
            if a.shorthandOnlyDefinesConfig == null then
              b.shorthandOnlyDefinesConfig
            else if b.shorthandOnlyDefinesConfig == null || a.shorthandOnlyDefinesConfig == b.shorthandOnlyDefinesConfig then
              a.shorthandOnlyDefinesConfig
            else
              throw "A submoduleWith option is declared multiple times with conflicting shorthandOnlyDefinesConfig values";
          description =
            if a.description == null then
              b.description
            else if b.description == null || a.description == b.description then
              a.description
            else
              throw "A submoduleWith option is declared multiple times with conflicting descriptions";
        };
      };
    };

  # A module that is collected here and evaluated elsewhere.
  deferredModule = types.deferredModuleWith { };
  deferredModuleWith =
    {
      staticModules ? [ ],
    }:
    mkOptionType {
      name = "deferredModule";
      description = "module";
      descriptionClass = "noun";
      check = x: isAttrs x || lib.isFunction x || isPath x;
      merge = loc: defs: {
        imports =
          staticModules
          ++ map (
            d: lib.setDefaultModuleLocation "${toString d.file}, via option ${showOption loc}" d.value
          ) defs;
      };
      emptyValue.value = {
        imports = staticModules;
      };
      getSubOptions = (types.submoduleWith { modules = staticModules; }).getSubOptions;
      getSubModules = if staticModules == [ ] then null else staticModules;
      substSubModules = m: types.deferredModuleWith { staticModules = m; };
      functor = {
        name = "deferredModuleWith";
        type = types.deferredModuleWith;
        wrapped = null;
        payload = { inherit staticModules; };
        binOp = a: b: { staticModules = lib.unique (a.staticModules ++ b.staticModules); };
      };
    };

  optionType = mkOptionType {
    name = "optionType";
    description = "optionType";
    descriptionClass = "noun";
    check = x: x._type or null == "option-type";
    merge =
      loc: defs:
      if tail defs == [ ] then
        (head defs).value
      else
        foldl' (
          t: d:
          let
            merged = t.typeMerge d.value.functor;
          in
          if merged == null then errors.conflict loc defs else merged
        ) (head defs).value (tail defs);
  };
}
