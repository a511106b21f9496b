# Providers: the type of the option `providers.<name>`, and what modules get as their argument `providers`.
{
  lib,
  openInputs,
  specialArgs,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    isAttrs
    isFunction
    mapAttrs
    ;
  inherit (lib) types;
  inherit (import ./locate.nix { inherit lib; }) locate places;

  # A set that has whatever attribute is asked for, beside those of `attrs`.
  openAttrs =
    builtins.openAttrs
      or (_: attrs: attrs);

  prepared = lib.modules.prepare {
    class = "nixops4Provider";
    inherit specialArgs;
    modules = [ (import ./provider.nix { inherit lib openInputs; }) ];
  };

  # In a plain set, `config` is the provider's configuration, not the module's.
  moduleKeys = [
    "_class"
    "_file"
    "disabledModules"
    "freeformType"
    "imports"
    "key"
    "options"
  ];
  isModule =
    m:
    removeAttrs m moduleKeys != m
    || (m ? config && attrNames m == [ "config" ] && (m.config ? executable || m.config ? resourceTypes));
  asModule =
    m:
    if isFunction m then
      lib.setFunctionArgs (args: asModule (m args)) (builtins.functionArgs m)
    else if isAttrs m && !(m ? __functor) && !(isModule m) then
      { config = m; }
    else
      m;

  provider = lib.mkOptionType {
    name = "nixops4Provider";
    description = "provider";
    descriptionClass = "noun";
    check = x: isAttrs x || isFunction x || builtins.isPath x;
    merge =
      loc: defs:
      let
        self = lib.modules.instantiate prepared {
          prefix = loc;
          extra = map (d: {
            inherit (d) file;
            module = asModule d.value;
          }) defs;
          args.name = lib.last loc;
        };
      in
      self.config // { _options = self.options; };
    emptyValue.value = { };
    getSubOptions =
      prefix:
      (lib.modules.instantiate prepared {
        inherit prefix;
        args.name = "<name>";
      }).options;
  };

  isPlugin =
    p:
    if p.type != null then
      p.type == "tfplugin"
    else
      p.source != null
      || p.package != null
      || (p.executable != null && lib.hasPrefix "terraform-provider-" (baseNameOf p.executable));

  # How the program of `p`, declared under `name`, is found and spoken to.
  program =
    name: p:
    if p.package != null && p.executable != null then
      throw "The provider `${name}' has both `package' and `executable': only one of them can be started."
    else if isPlugin p then
      {
        kind = "tfplugin";
        executable = if p.package != null then p.package else p.executable;
        inherit (p) source version;
      }
    else if p.executable != null then
      {
        kind = "stdio";
        inherit (p) executable args;
      }
    else if name == "local" then
      { kind = "local"; }
    else
      throw "The provider `${name}' has neither `source' (a Terraform or OpenTofu plugin) nor `executable' (a native provider).";

  # The value of the module argument `providers.<name>`; `path` is the member path of the component that declares it.
  handle =
    path: name: p:
    let
      instance = {
        inherit path name;
        program = program name p;
        inherit (p) config;
        limits = { inherit (p) concurrency rateLimit timeouts; };
        meta = if p.meta == { } then null else builtins.toJSON p.meta;
        locate = locate "config" p._options.config.definitionsWithLocations;
        places = concatMap (option: places option p._options.${option}.definitionsWithLocations) [
          "package"
          "source"
          "executable"
          "version"
        ];
      };

      declared = mapAttrs (_: resourceType p instance) p.resourceTypes;

      actions = openAttrs (type: {
        _type = "nixops4ActionType";
        inherit instance;
        actionType = type;
      }) { };

      functions = openAttrs (
        builtins.providerFunction
          or (_: function: throw "The function `${function}' of the provider `${name}' can be called by NixOps4's evaluator only.")
          instance
      ) { };

      openType = mode: type: {
        _type = "nixops4ResourceType";
        inherit mode instance;
        resourceType = type;
        requireState = false;
        outputNames = null;
        inputsType = openInputs;
        outputModules = [ ];
        readOutputs = readOutputs [ ];
      };
    in
    if attrNames p.resourceTypes != [ ] then
      { inherit actions functions; } // declared // { _instance = instance; }
    else
      openAttrs (openType "managed") {
        _instance = instance;
        inherit actions functions;
        data = openAttrs (openType "data") { };
        ephemeral = openAttrs (openType "ephemeral") { };
        stateStores = openAttrs (openType "stateStore") { };
      };

  # A type that the provider's module declares: its inputs and outputs are options.
  resourceType =
    p: instance: t:
    let
      own = t.provider.executable != p.executable || t.provider.args != p.args || t.provider.type != p.type;
    in
    t
    // {
      _type = "nixops4ResourceType";
      mode = "managed";
      instance =
        if own then
          instance
          // {
            name = "${instance.name}/${t.type}";
            program = program instance.name (p // t.provider);
          }
        else
          instance;
      resourceType = t.type;
      outputNames = attrNames (declaredOutputs [ t.outputs ] // t.outputsSkeleton);
      inputsType = types.submoduleWith {
        modules = [ t.inputs ];
        inherit specialArgs;
        shorthandOnlyDefinesConfig = true;
      };
      outputModules = [ t.outputs ];
      readOutputs = readOutputs [ t.outputs ];
    };

  # The outputs that modules declare as options.
  declaredOutputs =
    modules:
    removeAttrs (lib.modules.evalModules { inherit modules specialArgs; }).options [ "_module" ];

  # What the provider reported, as the options that modules declare make of it; as it is where they declare none.
  readOutputs =
    modules:
    let
      declared = declaredOutputs modules;
      type = types.submoduleWith { inherit modules specialArgs; };
    in
    if modules == [ ] then
      values: values
    else
      values:
      type.merge
        [ "outputs" ]
        [
          {
            file = "the provider's outputs";
            value.config = mapAttrs (name: _: values.${name}) declared;
          }
        ];
in
{
  inherit provider handle readOutputs;
}
