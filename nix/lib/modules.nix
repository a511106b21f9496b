# The module system: many partial definitions in, one checked configuration out.
#
# The work is cut in two, because most evaluations are instances of one submodule type:
#
#   prepare      the modules of a type -> collected modules, option tree, constant definitions   (once per type)
#   instantiate  a prepared type + the definitions of one instance -> config, options, ...       (once per instance)
#
# A module that is a function waits for its arguments and so belongs to the instance; everything else is prepared.
{ lib }:
let
  inherit (builtins)
    all
    any
    attrNames
    concatMap
    elem
    filter
    genList
    head
    isAttrs
    isFunction
    length
    removeAttrs
    tail
    toString
    ;

  # Loaded only when something goes wrong.
  errors = import ./errors.nix { inherit lib; };
  inherit (lib) types;
  inherit (import ./properties.nix { inherit lib; })
    mkOptionDefault
    pushDown
    ;
  inherit (import ./collect.nix { inherit lib; })
    load
    loadAll
    resolveDynamic
    group
    closure
    ;
  inherit (import ./tree.nix { inherit lib; })
    declare
    setsOf
    evaluate
    mergeFree
    ;

  imap = f: list: genList (n: f (n + 1) (builtins.elemAt list n)) (length list);
  reverse =
    list:
    let
      last = length list - 1;
    in
    if last < 1 then list else genList (n: builtins.elemAt list (last - n)) (last + 1);
  drop = n: list: genList (i: builtins.elemAt list (i + n)) (length list - n);
  setAttrByPath =
    path: value: if path == [ ] then value else { ${head path} = setAttrByPath (tail path) value; };

  internalModule = {
    _file = "lib/modules.nix";
    key = "lib/modules.nix";
    options._module = {
      args = lib.mkOption {
        type = types.lazyAttrsOf types.raw;
        internal = true;
        default = { };
        description = "Further arguments of the modules that are functions.";
      };
      check = lib.mkOption {
        type = types.bool;
        internal = true;
        default = true;
        description = "Whether a definition without a declared option is an error.";
      };
      freeformType = lib.mkOption {
        type = types.nullOr types.optionType;
        internal = true;
        default = null;
        description = "The type that definitions without a declared option are merged with.";
      };
      specialArgs = lib.mkOption {
        type = types.raw;
        internal = true;
        description = "Arguments that are there before any module is loaded.";
      };
    };
  };

  definitionSets = e: if e.configures then checkedSets e.file (pushDown e.file e.config) else [ ];
  checkedSets =
    file: sets:
    if all (s: isAttrs s.attrs) sets then sets else errors.configNotASet file sets;

  declarationsOf =
    entries:
    map (e: { inherit (e) file options; }) (filter (e: e.declares) entries);

  # Everything about a list of modules that does not depend on an instance.
  prepare =
    {
      modules,
      specialArgs ? { },
      class ? null,
      args ? { },
      check ? true,
      prefix ? [ ],
    }:
    let
      ctx = {
        inherit class;
        args = null;
        modulesPath = specialArgs.modulesPath or "";
      };
      start = loadAll ctx "<unknown-file>" "" 0 (modules ++ [ internalModule ]);
      entries = closure ctx start;
      # The definitions of an instance come between the listed modules and what these import.
      early = filter (e: e.depth == 0) entries;
      late = filter (e: e.depth > 0) entries;
      setsIn = es: concatMap definitionSets (reverse es);
      tree = declare prefix (declarationsOf (reverse entries));
      lateSets = setsIn late;
      earlySets = setsIn early;
    in
    {
      inherit
        ctx
        start
        entries
        early
        late
        tree
        lateSets
        earlySets
        modules
        specialArgs
        class
        args
        check
        ;
      givenNames = [
        "config"
        "options"
        "specialArgs"
        "lib"
        "_class"
        "_prefix"
      ]
      ++ attrNames specialArgs;
      # Without functions and disabled modules an instance only adds to what is here.
      closed = all (e: !(e ? dynamic) && e.disabled == [ ]) entries;
      hasSets = lateSets != [ ] || earlySets != [ ];
      # `_module` of instances that do not define it.
      module =
        (evaluate { } (prefix ++ [ "_module" ]) tree.groups._module (
          setsOf [ "_module" ] (
            concatMap (
              s:
              if s.attrs ? _module then
                [
                  {
                    inherit (s) file from;
                    value = s.attrs._module;
                  }
                ]
              else
                [ ]
            ) (lateSets ++ earlySets)
          )
        )).config;
    };

  # One instance. `extra`: [ { file, module } ] as written by users; `shorthand`: a set in it holds only config.
  # `args`: further module arguments, a set or a function from `self`; visible as `_module.args`.
  # `context`: anything; becomes `self.context` for options with an instance type or default.
  instantiate =
    prepared:
    {
      prefix ? [ ],
      extra ? [ ],
      shorthand ? false,
      args ? { },
      context ? { },
    }:
    let
      inherit (prepared) specialArgs class;
      instanceArgs = prepared.args // (if isFunction args then args self else args);

      loaded = imap (
        n:
        { file, module }:
        let
          key = "${file}:def-${toString n}";
        in
        if shorthand && isAttrs module && !(module ? __functor) then
          {
            inherit file key;
            depth = 0;
            disabled = [ ];
            declares = false;
            options = { };
            configures = true;
            config = module;
            imports = [ ];
            children = [ ];
          }
        else
          load ctx file key 1 module
      ) extra;

      # Only definitions were added to a type that is complete without them.
      simple =
        prepared.closed
        && all (e: e.imports == [ ] && e.disabled == [ ] && (e.depth == 0 || !shorthand)) loaded;
      entries = closure ctx (
        if extra == [ ] then
          map (resolveDynamic ctx) prepared.start
        else
          [ (group "<type>" prepared.start) ]
          ++ map (e: if e.depth == 0 then e else group "<in>${e.key}" [ e ]) loaded
      );

      tree =
        if simple then
          if all (e: !e.declares) loaded then
            prepared.tree
          else
            declare prefix (declarationsOf (reverse (inOrder prepared.early loaded prepared.late)))
        else
          let
            new = declarationsOf (filter (e: !(elem e.key preparedKeys)) entries);
            preparedKeys = map (e: e.key) (filter (e: !(e ? dynamic)) prepared.entries);
          in
          if new == [ ] && all (e: e.disabled == [ ]) entries then
            prepared.tree
          else
            declare prefix (declarationsOf (reverse entries));

      loadedSets = concatMap definitionSets (reverse loaded);
      inOrder =
        before: own: after:
        if shorthand then before ++ after ++ own else before ++ own ++ after;
      sets =
        if simple then
          if prepared.hasSets then
            inOrder prepared.lateSets loadedSets prepared.earlySets
          else
            loadedSets
        else
          concatMap definitionSets (reverse entries);

      definesModule = any (s: s.attrs ? _module) (if simple then loadedSets else sets);
      ownTree = tree.groups._module;

      moduleLoc = prefix ++ [ "_module" ];
      moduleEval = evaluate self moduleLoc ownTree (
        setsOf moduleLoc (
          concatMap (
            s:
            if s.attrs ? _module then
              [
                {
                  inherit (s) file from;
                  value = s.attrs._module;
                }
              ]
            else
              [ ]
          ) (sets ++ [ argsSet ])
        )
      );
      argsSet = {
        file = "lib/modules.nix";
        attrs = {
          _module = {
            args = builtArgs;
            specialArgs = mkOptionDefault specialArgs;
          }
          // (if prepared.check then { } else { check = mkOptionDefault false; });
        };
        from = { };
      };
      builtArgs = {
        extendModules = extendModules;
        moduleType = type;
      }
      // instanceArgs;
      module =
        if definesModule then
          moduleEval.config
        else
          {
            args = builtArgs // prepared.module.args;
            check = prepared.check && prepared.module.check;
            inherit (prepared.module) freeformType;
            inherit specialArgs;
          };

      rest = {
        inherit (tree) options names;
        groups = removeAttrs tree.groups [ "_module" ];
      };
      evaluated = evaluate self prefix rest sets;

      declaredConfig = evaluated.config;
      freeform = module.freeformType;
      config =
        if freeform == null then
          declaredConfig
        else
          mergeFree rest
            (freeform.merge prefix (
              map (u: {
                inherit (u) file;
                value = setAttrByPath (drop (length prefix) u.loc) u.attrs;
              }) evaluated.unmatched
            ))
            declaredConfig;

      unmatchedModule = if definesModule then moduleEval.unmatched else [ ];
      checked =
        value:
        if freeform == null && module.check && evaluated.unmatched != [ ] then
          errors.undeclared prefix evaluated.unmatched (prepared.tree.names != [ "_module" ]) evaluated.options
        else if unmatchedModule != [ ] && module.check then
          errors.undeclared prefix unmatchedModule true { }
        else
          value;

      options = evaluated.options // {
        _module = moduleEval.options;
      };
      fullConfig = config // {
        _module = module;
      };

      ctx = prepared.ctx // {
        args = {
          names = prepared.givenNames;
          given = {
            inherit options specialArgs lib;
            config = fullConfig;
            _class = class;
            _prefix = prefix;
          }
          // specialArgs;
          found = module.args;
        };
      };

      self = {
        inherit
          config
          options
          prefix
          context
          ;
        inherit (evaluated) get groups;
        # What modules that are functions are called with.
        arguments = ctx.args.found // ctx.args.given;
      };

      extendModules =
        {
          modules ? [ ],
          specialArgs ? { },
          prefix ? [ ],
        }@more:
        evalModules {
          modules = prepared.modules ++ asModules ++ modules;
          specialArgs = prepared.specialArgs // specialArgs;
          inherit class;
          args = instanceArgs;
          inherit (prepared) check;
          prefix = more.prefix or self.prefix;
        };
      asModules = map (
        { file, module }:
        {
          _file = file;
          imports = [ (if shorthand && isAttrs module then { config = module; } else module) ];
        }
      ) extra;
      type = types.submoduleWith {
        modules = prepared.modules ++ asModules;
        inherit specialArgs class;
      };
    in
    {
      _type = "configuration";
      config = checked config;
      options = checked options;
      _module = checked module;
      inherit
        class
        extendModules
        type
        ;
      inherit (evaluated) unmatched;
    };

  evalModules =
    {
      modules,
      prefix ? [ ],
      specialArgs ? { },
      class ? null,
      args ? { },
      check ? true,
    }:
    instantiate (prepare {
      inherit
        modules
        specialArgs
        class
        args
        check
        prefix
        ;
    }) { inherit prefix; };

  setDefaultModuleLocation = file: m: {
    _file = file;
    imports = [ m ];
  };
  # The definitions of one option for use as the definition of another.
  mkAliasAndWrapDefinitions =
    wrap: option:
    lib.mkIf (option.isDefined or false) (
      wrap (
        lib.mkMerge (
          map (d: lib.mkDefinition { inherit (d) file value; }) option.definitionsWithLocations
        )
      )
    );
in
{
  inherit
    evalModules
    instantiate
    prepare
    setDefaultModuleLocation
    ;
  inherit (import ./merge.nix { inherit lib; }) mergeDefinitions mergeValue mergeValueOrEmpty;
  inherit (import ./properties.nix { inherit lib; })
    defaultOrderPriority
    defaultOverridePriority
    dischargeProperties
    filterOverrides
    isProperty
    mkAfter
    mkAssert
    mkBefore
    mkDefault
    mkDefinition
    mkFixStrictness
    mkForce
    mkIf
    mkImageMediaOverride
    mkMerge
    mkOptionDefault
    mkOrder
    mkOverride
    mkVMOverride
    ;

  importApply = path: staticArgs: setDefaultModuleLocation path (import path staticArgs);
  inherit mkAliasAndWrapDefinitions;
  mkAliasDefinitions = mkAliasAndWrapDefinitions (v: v);
}
