# From what a user writes as the root to the tree of components.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    head
    isAttrs
    isFunction
    isList
    isPath
    isString
    mapAttrs
    typeOf
    ;
  openInputs = import ./open-inputs.nix { inherit lib; };

  isKnown = builtins.isKnown or (_: true);
  inherit (lib.modules) isProperty;

  # A component that is there in any case is so too where some of its definitions are under a condition that waits for
  # an output: then the condition moves into the component.
  spreadComponents =
    defs:
    let
      flat =
        d:
        if isKnown d.value && isProperty d.value && d.value._type == "merge" then
          concatMap (value: flat (d // { inherit value; })) d.value.contents
        else
          [ d ];
      waits = d: isKnown d.value && isProperty d.value && d.value._type == "if" && !(isKnown d.value.condition);
      movable =
        content:
        isKnown content
        && isAttrs content
        && !(content ? config || content ? options || content ? imports || content ? __functor);
      all = concatMap flat defs;
      certain = d: isKnown d.value && !(isProperty d.value);
    in
    if builtins.any certain all && builtins.any waits all then
      map (
        d:
        if waits d && movable d.value.content then
          d // { value.config = lib.mkIf d.value.condition d.value.content; }
        else
          d
      ) all
    else
      defs;

  # Evaluates modules as the root component. `outputsOf`: member path -> what the resource there reported.
  evaluate =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
      resourceProviderSystem,
      outputsOf,
    }:
    let
      specialArgs' = {
        inherit resourceProviderSystem;
      }
      // specialArgs;

      providers = import ./providers.nix {
        inherit lib openInputs;
        specialArgs = specialArgs';
      };

      module = import ./component.nix {
        inherit
          lib
          outputsOf
          openInputs
          providers
          componentType
          ;
        rootDepth = builtins.length prefix;
      };

      prepare =
        modules:
        lib.modules.prepare {
          class = "nixops4Component";
          specialArgs = specialArgs';
          modules = [ module ] ++ modules;
        };
      prepared = prepare [ ];

      # What the root gets from around it.
      nothing = {
        providers = { };
        formerly = [ ];
        dependsOn = [ ];
      };

      args =
        name: self:
        {
          inherit (self.config) members;
          providers = self.config._visibleProviders;
        }
        // name;

      # A member of a component; `inherited` is what it gets from there.
      componentType =
        inherited:
        lib.mkOptionType {
          name = "nixops4Component";
          description = "component";
          descriptionClass = "noun";
          check = x: isAttrs x || isFunction x || isPath x;
          # `members.x = mkIf false { … }` leaves no component.
          emptyValue.value = {
            _absent = true;
          };
          merge =
            loc: defs:
            (lib.modules.instantiate prepared {
              prefix = loc;
              extra = map (d: {
                inherit (d) file;
                module = d.value;
              }) defs;
              args = args { name = lib.last loc; };
              context = inherited;
            }).config;
          getSubOptions = prefix: (lib.modules.instantiate prepared {
            inherit prefix;
            context = nothing;
          }).options;
        }
        // {
          spread = spreadComponents;
        };
    in
    lib.modules.instantiate (prepare modules) {
      inherit prefix;
      args = args { };
      context = nothing;
    };

  # The tree of components as version 0 of the format has it, below a component that keeps its state in `state`.
  toExport =
    state: c:
    let
      own = c.state.handler or state;
    in
    if c.isResource then
      {
        resource =
          let
            r = c.resource;
            program = r.instance.program;
          in
          {
            provider = {
              type = if program.kind == "tfplugin" then "tfplugin" else "stdio";
              executable = program.executable or null;
              args = program.args or [ ];
            };
            inherit (r) type inputs;
            outputsSkeleton =
              if isList r.outputsSkeleton then lib.genAttrs r.outputsSkeleton (_: { }) else r.outputsSkeleton;
            state =
              if r.requireState && own == null then
                throw "members.${concatStringsSep ".members." c.path}.state has not been defined, but a `${r.type}' needs it."
              else
                own;
          };
      }
    else
      {
        members = mapAttrs (_: m: toExport own m._component) (
          lib.filterAttrs (_: m: !(m ? _absent)) c.members
        );
      };

  # Components of version 0 as expressions see them.
  shown =
    c:
    if c.isResource then
      {
        inherit (c) outputs;
        inherit (c.resource) type inputs;
      }
    else
      { members = mapAttrs (_: m: shown m._component) c.members; };
  members =
    outputsOf: path: e:
    mapAttrs (name: m: { _component = fromExport outputsOf (path ++ [ name ]) m; }) (e.members or { });

  # The same from a root that knows only version 0: what it does not say is left out.
  fromExport =
    outputsOf: path: e:
    let
      r = e.resource;
    in
    {
      inherit path;
      isResource = e ? resource;
      members = members outputsOf path e;
      providerInstances = { };
      outputs = if e ? resource then outputsOf path else { };
      # Version 0 knows no state but the one that a resource names.
      state =
        if e ? resource && r.state or null != null then { handler = r.state; } else { inherited = true; };
      memberSets = [ ];
      resource = {
        instance = {
          inherit path;
          name = null;
          config = { };
          places = [ ];
          locate = _: [ ];
          program = {
            kind = "stdio";
            inherit (r.provider) executable;
            args = r.provider.args or [ ];
          };
        };
        inherit (r) type inputs;
        mode = "managed";
        requireState = false;
        outputsSkeleton = r.outputsSkeleton or null;
        typePlaces = [ ];
        locate = _: [ ];
        lifecycle = {
          createBeforeDestroy = false;
          preventDestroy = false;
          ignoreChanges = [ ];
          replaceTriggeredBy = [ ];
        };
        formerly = [ ];
        dependsOn = [ ];
        importId = null;
        importIdentity = null;
      };
      failedAssertions = [ ];
      scope.members = mapAttrs (_: m: shown m._component) (members outputsOf path e);
      operations = { };
      operationSets = [ ];
    };

  # Outputs as version 0 passes them: a tree by member names.
  outputTree =
    outputsOf: path: e:
    if e ? members then
      mapAttrs (name: outputTree outputsOf (path ++ [ name ])) e.members
    else
      outputsOf path;

  outputsIn =
    outputValues: path:
    lib.attrByPath path (throw "The outputs of `${concatStringsSep "." path}' are not there.") outputValues;

  # The evaluated root, as modules make it from what the tool says.
  evalRoot =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
    }:
    {
      resourceProviderSystem,
      outputValues,
      ...
    }:
    evaluate {
      inherit
        modules
        specialArgs
        prefix
        resourceProviderSystem
        ;
      outputsOf = outputsIn outputValues;
    };

  mkRoot =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
    }:
    let
      root =
        { outputsOf, resourceProviderSystem }:
        evaluate {
          inherit
            modules
            specialArgs
            prefix
            outputsOf
            resourceProviderSystem
            ;
        };
    in
    {
      _type = "nixops4Component";
      rootFunction =
        {
          resourceProviderSystem ? builtins.currentSystem or "unknown",
          outputValues ? { },
          ...
        }:
        toExport null
          (root {
            inherit resourceProviderSystem;
            outputsOf = outputsIn outputValues;
          }).config._component;
      # Depends on the programs of the providers that the root declares.
      getProviders =
        { system }:
        builtins.derivation {
          name = "nixops4-providers";
          inherit system;
          builder = "/bin/sh";
          args = [
            "-c"
            ''printf '%s\n' $providers > "$out"''
          ];
          providers = builtins.filter (executable: executable != null) (
            lib.mapAttrsToList (_: p: p.executable)
              (root {
                resourceProviderSystem = system;
                outputsOf = _: throw "Providers must not depend on outputs to be known ahead of time.";
              }).config.providers
          );
        };
      # What our own evaluator reads instead of `rootFunction`.
      nixops4Component = {
        version = 1;
        component = args: (root args).config._component;
      };
    };

  isMadeRoot = v: v ? _type && v._type == "nixops4Component";

  # The root component of a root in any of its forms: a module, a list of modules, the result of mkRoot.
  load =
    {
      root,
      # Where `root` was read from: the file, for positions and relative imports.
      file ? null,
      specialArgs ? { },
      outputsOf,
      resourceProviderSystem,
    }:
    if isMadeRoot root then
      if root ? nixops4Component then
        root.nixops4Component.component { inherit outputsOf resourceProviderSystem; }
      else
        let
          export = root.rootFunction {
            inherit resourceProviderSystem;
            outputValues = outputTree outputsOf [ ] export;
          };
        in
        fromExport outputsOf [ ] export
    else if isAttrs root || isFunction root || isList root || isPath root then
      (evaluate {
        modules =
          if isList root then
            map (m: if file == null then m else lib.setDefaultModuleLocation file m) root
          else if file == null then
            [ root ]
          else
            [ (lib.setDefaultModuleLocation file root) ];
        inherit specialArgs outputsOf resourceProviderSystem;
      }).config._component
    else
      throw "A root must be a module, a list of modules or the result of mkRoot, but ${
        if file == null then "this one" else "the one in `${toString file}'"
      } is a ${typeOf root}.";
in
{
  inherit
    evalRoot
    mkRoot
    load
    ;
}
