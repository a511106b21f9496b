# The module of every component: what can be said of a resource or composite.
#
# It holds no functions, so that its options are declared once for all components of a deployment.
{
  lib,
  # Member path -> what the resource there reported.
  outputsOf,
  # Length of the option path of the root.
  rootDepth,
  openInputs,
  providers,
  # What members get from the component around them -> the type of a member.
  componentType,
}:
let
  inherit (builtins)
    concatMap
    elemAt
    filter
    genList
    isAttrs
    isFunction
    isList
    isString
    length
    mapAttrs
    removeAttrs
    ;
  inherit (lib) mkOption types;

  isKnown = builtins.isKnown or (_: true);

  # From the path of an option (members.a.members.b) to that of a member (a.b).
  memberPath =
    loc:
    genList (i: elemAt loc (rootDepth + 2 * i + 1)) ((length loc - rootDepth) / 2);

  resourceType = lib.mkOptionType {
    name = "resourceType";
    description = "type of resources, such as providers.aws.aws_vpc";
    descriptionClass = "noun";
    check = x: isAttrs x && x ? _type && x._type == "nixops4ResourceType";
    merge = lib.mergeOneOption;
    isPlain = true;
  };

  isResource = self: self.config.resourceType != null;

  # A component, its path as a list of names, or its path as text.
  isReference = x: isString x || (isAttrs x && x ? absoluteMemberPath) || (isList x && builtins.all isString x);
  reference = lib.mkOptionType {
    name = "member";
    description = "member or its path";
    descriptionClass = "noun";
    check = isReference;
    merge = lib.mergeOneOption;
    isPlain = true;
  };
  toPath = x: if isAttrs x then x.absoluteMemberPath else x;

  inherit (import ./locate.nix { inherit lib; }) locate places;

  fromProvider =
    field: default: self:
    if self.config.type == null then default else self.config.type.instance.program.${field} or default;

  # Inputs of a resource that declares them itself, as a module.
  moduleInputs = types.submodule { };

  # A resource may declare outputs itself too: its definitions of `outputs` are modules, the provider's report is what
  # they configure.
  reportedOutputs =
    self:
    lib.mkOptionType {
      name = "outputs";
      description = "module that declares what the provider reports";
      check = x: isAttrs x || isFunction x || builtins.isPath x;
      merge =
        _: defs:
        let
          inherit (self.config) type;
          asModule = d: if isAttrs d.value then { config = d.value; } else d.value;
          modules = map (d: lib.setDefaultModuleLocation d.file (asModule d)) defs;
          values = outputsOf (memberPath self.prefix);
        in
        if type == null && builtins.all (d: isAttrs d.value && builtins.attrNames d.value == [ ]) defs then
          values
        else
          providers.readOutputs ((if type == null then [ ] else type.outputModules) ++ modules) values;
    };

  # The program that a resource without a provider names itself, as a provider instance of its own.
  ownInstance =
    self: path:
    let
      inherit (self.config) provider;
    in
    {
      inherit path;
      name = null;
      config = { };
      places = places "provider" (self.get "provider");
      locate = _: [ ];
      program =
        if provider.executable == null then
          throw "The resource `${lib.concatStringsSep "." path}' has no `type' and no `provider.executable'."
        else if provider.type != null && provider.type != "stdio" then
          throw "The resource `${lib.concatStringsSep "." path}' sets `provider.type' to `${provider.type}', but only \"stdio\" goes without an entry in `providers'."
        else
          {
            kind = "stdio";
            inherit (provider) executable args;
          };
    };

  # A component is a resource or a composite, not half of each.
  contradictions =
    self: path:
    let
      name = if path == [ ] then "The root" else "`${lib.concatStringsSep "." path}'";
      has = values: isKnown values && builtins.attrNames values != [ ];
    in
    if isResource self then
      if has self.config.members then
        [ "${name} has a `type', so it is a resource and cannot have `members'." ]
      else
        [ ]
    else if has self.config.inputs then
      [ "${name} has `inputs' but no `type'. Set `type' to say what kind of resource it is, such as `providers.local.file'." ]
    else
      [ ];

  # What the evaluator process reads: everything about the component, nothing of it evaluated before it is asked for.
  export =
    self:
    let
      inherit (self) config;
      inherit (config) type;
      path = memberPath self.prefix;
    in
    {
      inherit path;
      isResource = isResource self;
      inherit (config) members outputs;
      # The provider instances declared here, by name.
      providerInstances = mapAttrs (name: p: (providers.handle path name p)._instance) config.providers;
      state =
        if isAttrs config.state && config.state ? _inherit then
          { inherited = true; }
        else
          { handler = if config.state == null then null else toPath config.state; };
      # The sets in which members are written.
      memberSets = map (d: d.value) (filter (d: isAttrs d.value) (self.get "members"));
      resource = {
        # A provider instance, or the program that the resource names itself.
        instance =
          if type != null && self.get "provider" == [ ] then type.instance else ownInstance self path;
        type = config.resourceType;
        mode = if type == null then "managed" else type.mode;
        inherit (config) inputs requireState outputsSkeleton;
        typePlaces = let name = if type == null then "resourceType" else "type"; in places name (self.get name);
        locate = locate "inputs" (self.get "inputs");
        lifecycle = {
          inherit (config.lifecycle) createBeforeDestroy preventDestroy ignoreChanges;
          replaceTriggeredBy = map (
            x:
            if isKnown x && isAttrs x && x ? absoluteMemberPath then
              { member = x.absoluteMemberPath; }
            else
              { value = x; }
          ) config.lifecycle.replaceTriggeredBy;
        };
        inherit (config._inherited) formerly dependsOn;
        importId = config.import.id;
        importIdentity =
          if config.import.id != null && config.import.identity != null then
            throw "`${lib.concatStringsSep "." path}' sets `import.id' and `import.identity'. One of them says which object it is."
          else
            config.import.identity;
      };
      failedAssertions =
        map (a: a.message) (filter (a: isKnown a.assertion && !a.assertion) config.assertions)
        ++ contradictions self path;
      # The variables of expressions about the component: what its modules are given.
      scope = removeAttrs self.arguments [
        "_class"
        "_prefix"
      ];
      operations = mapAttrs (_: operation: operation._operation) config.operations;
      # The sets in which operations are written.
      operationSets = map (d: d.value) (filter (d: isAttrs d.value) (self.get "operations"));
    };
in
{
  _file = "<nixops4/modules/component.nix>";
  _class = "nixops4Component";
  options = {
    type = mkOption {
      type = types.nullOr resourceType;
      default = null;
      description = "What kind of resource this is, such as `providers.aws.aws_vpc`. A component without it is a composite.";
    };
    resourceType = mkOption {
      type = types.nullOr types.str;
      instanceDefault = self: if self.config.type == null then null else self.config.type.resourceType;
      description = "The provider's name for the type of resource. Set by `type`.";
    };
    provider = {
      executable = mkOption {
        type = types.nullOr types.str;
        instanceDefault = fromProvider "executable" null;
        description = "The provider program of a resource without `type`.";
      };
      args = mkOption {
        type = types.listOf types.str;
        instanceDefault = fromProvider "args" [ ];
        description = "Its arguments.";
      };
      type = mkOption {
        type = types.nullOr types.str;
        instanceDefault = self: if self.config.type == null then "stdio" else self.config.type.instance.program.kind;
        description = "How it is spoken to.";
      };
    };
    providers = mkOption {
      type = types.lazyAttrsOf providers.provider;
      default = { };
      description = "The providers of this component and those below it, by name.";
    };
    members = mkOption {
      type = types.lazyAttrsOf types.raw;
      instanceType = self: types.lazyAttrsOf (componentType self.config._inherited);
      instanceDefault = _: { };
      description = "The components that this composite is made of.";
    };
    inputs = mkOption {
      type = openInputs;
      instanceType =
        self:
        if self.config.type != null then
          self.config.type.inputsType
        else if builtins.any (d: isKnown d.value && isFunction d.value) (self.get "inputs") then
          moduleInputs
        else
          openInputs;
      instanceDefault =
        self:
        if self.config.type == null then
          { }
        else
          self.config.type.inputsType.merge (self.prefix ++ [ "inputs" ]) [
            {
              file = "<nixops4>";
              value = { };
            }
          ];
      description = "What the resource is to be like.";
    };
    outputs = mkOption {
      type = openInputs;
      instanceType = self: if isResource self then reportedOutputs self else openInputs;
      instanceDefault =
        self:
        if !(isResource self) then
          { }
        else
          let
            values = outputsOf (memberPath self.prefix);
          in
          if self.config.type == null then values else self.config.type.readOutputs values;
      description = "What the provider reports of a resource, or what a composite makes of its members for others.";
    };
    outputsSkeleton = mkOption {
      type = types.nullOr types.raw;
      instanceDefault = self: if self.config.type == null then null else self.config.type.outputNames;
      description = "The names of the outputs, where the declaration fixes them.";
    };
    requireState = mkOption {
      type = types.bool;
      instanceDefault = self: self.config.type != null && self.config.type.requireState;
      description = "Whether the resource cannot do without state.";
    };
    state = mkOption {
      type = types.nullOr reference;
      default = {
        _inherit = true;
        absoluteMemberPath = [ ];
      };
      apply = x: if isList x then { absoluteMemberPath = x; } else x;
      description = "The member that keeps the state of this component and those below it; `null` for none.";
    };
    lifecycle = {
      createBeforeDestroy = mkOption {
        type = types.bool;
        default = false;
        description = "Whether a replacement is created before the old object is deleted.";
      };
      preventDestroy = mkOption {
        type = types.bool;
        default = false;
        description = "Whether a plan that deletes or replaces the resource is an error.";
      };
      ignoreChanges = mkOption {
        type = types.either (types.enum [ "all" ]) (types.listOf (types.either types.str (types.listOf types.raw)));
        default = [ ];
        description = "Inputs whose changes are not acted upon, such as `tags.Name`; \"all\" for every input.";
      };
      replaceTriggeredBy = mkOption {
        type = types.listOf types.raw;
        default = [ ];
        description = "Members, or outputs of members, whose change replaces the resource.";
      };
    };
    formerly = mkOption {
      # A list here is one of paths, never itself a path.
      type = types.coercedTo (types.addCheck reference (x: !(isList x))) (x: [ x ]) (types.listOf reference);
      default = [ ];
      description = "Earlier paths of this component, from the root.";
    };
    dependsOn = mkOption {
      type = types.listOf reference;
      default = [ ];
      description = "Components to come after, beyond those whose outputs the inputs use.";
    };
    import = {
      id = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "The provider's identifier of an existing object to take over.";
      };
      identity = mkOption {
        type = types.nullOr openInputs;
        default = null;
        description = "The attributes that identify an existing object to take over, in place of `import.id`.";
      };
    };
    assertions = mkOption {
      type = types.listOf types.raw;
      default = [ ];
      description = "Conditions that have to hold, as `{ assertion = …; message = …; }`.";
    };
    operations = mkOption {
      type = types.lazyAttrsOf (import ./operations.nix { inherit lib openInputs; });
      default = { };
      description = "What else can be done with the component, by name, with `nixops4 run`.";
    };
    absoluteMemberPath = mkOption {
      type = types.listOf types.str;
      readOnly = true;
      instanceDefault = self: memberPath self.prefix;
      description = "The path of this component from the root.";
    };
    _visibleProviders = mkOption {
      internal = true;
      visible = false;
      readOnly = true;
      instanceDefault =
        self:
        self.context.providers
        // mapAttrs (providers.handle (memberPath self.prefix)) self.config.providers;
    };
    # What is said of a composite holds for everything in it.
    _inherited = mkOption {
      internal = true;
      visible = false;
      readOnly = true;
      instanceDefault =
        self:
        let
          around = self.context;
          path = memberPath self.prefix;
          # Where this component was when the ones around it had their old paths.
          moved = map (f: f // { rest = f.rest ++ [ (lib.last path) ]; }) around.formerly;
        in
        {
          providers = self.config._visibleProviders;
          formerly =
            map (f: {
              base = toPath f;
              rest = [ ];
            }) self.config.formerly
            ++ moved;
          dependsOn = map toPath self.config.dependsOn ++ around.dependsOn;
        };
    };
    _component = mkOption {
      internal = true;
      visible = false;
      readOnly = true;
      instanceDefault = export;
    };
  };
}
