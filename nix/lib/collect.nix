# From the modules that users write, in all their forms, to a list of records with fixed fields.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    all
    attrNames
    concatMap
    elem
    filter
    genList
    genericClosure
    isAttrs
    isFunction
    isList
    isString
    length
    mapAttrs
    removeAttrs
    substring
    toString
    ;

  # Loaded only when something goes wrong.
  errors = import ./errors.nix { inherit lib; };
  inherit (import ./properties.nix { inherit lib; })
    isProperty
    ;

  imap = f: list: genList (n: f (n + 1) (builtins.elemAt list n)) (length list);
  functionArgs = f: if f ? __functor then f.__functionArgs or (functionArgs (f.__functor f)) else builtins.functionArgs f;
  isFunction' = f: isFunction f || (f ? __functor && isFunction' (f.__functor f));

  longFields = [
    "_class"
    "_file"
    "config"
    "disabledModules"
    "freeformType"
    "imports"
    "key"
    "meta"
    "options"
  ];
  shorthandFields = [
    "_class"
    "_file"
    "disabledModules"
    "freeformType"
    "imports"
    "key"
    "require"
  ];

  withExtras =
    m: config:
    let
      extra =
        (if m ? freeformType then [ { _module.freeformType = m.freeformType; } ] else [ ])
        ++ (if m ? meta && (m ? config || m ? options) then [ { inherit (m) meta; } ] else [ ]);
    in
    if extra == [ ] then config else lib.mkMerge ([ config ] ++ extra);

  # A module that is a set, as a record. Its children are its imports, loaded.
  unify =
    ctx: file: key: depth: m:
    let
      long = m ? config || m ? options;
      bad = removeAttrs m longFields;
      record = rec {
        file = if m ? _file then toString m._file else file';
        key = if m ? key then toString m.key else key';
        inherit depth;
        disabled = m.disabledModules or [ ];
        declares = m ? options;
        options = if long then m.options or { } else { };
        configures = !long || m ? config || m ? freeformType || m ? meta;
        config = withExtras m (if long then m.config or { } else removeAttrs m shorthandFields);
        imports = if m ? require then m.require ++ m.imports or [ ] else m.imports or [ ];
        children = loadAll ctx file key (depth + 1) imports;
      };
      file' = file;
      key' = key;
    in
    if m ? _class && ctx.class != null && m._class != null && m._class != ctx.class then
      errors.wrongClass record.file m._class ctx.class
    else if long && attrNames bad != [ ] then
      errors.mixedForms record.file (attrNames bad)
    else
      record;

  # A module that is a function, applied to the arguments it asks for.
  apply =
    args: file: key: f:
    let
      more = removeAttrs (functionArgs f) args.names;
    in
    if attrNames more == [ ] then
      f args.given
    else
      f (
        args.given
        // mapAttrs (
          name: _:
          addErrorContext "while evaluating the module argument `${name}' in \"${key}\":" (
            args.found.${name} or (errors.missingArgument file key name)
          )
        ) more
      );

  load =
    ctx: file: key: depth: m:
    if isAttrs m && !(m ? __functor) then
      if !(m ? _type) || m._type == "module" then
        unify ctx file key depth m
      else if isProperty m then
        unify ctx file key depth { config = m; }
      else
        errors.notAModule file m
    else if isFunction' m then
      if ctx.args == null then
        {
          dynamic = m;
          disabled = [ ];
          declares = false;
          configures = false;
          options = { };
          config = { };
          imports = [ ];
          children = [ ];
          inherit file key depth;
        }
      else
        unify ctx file key depth (resultOf key (apply ctx.args file key m))
    else if isList m then
      unify ctx file key depth { imports = m; }
    else if builtins.isPath m || isString m || m ? outPath then
      let
        path = toString m;
        module = import m;
      in
      if isFunction' module then
        load ctx path path depth module
      else
        unify ctx path path depth (resultOf path module)
    else
      errors.notAModule file m;

  resultOf = key: m: if isAttrs m then m else errors.moduleNotASet key m;

  loadAll =
    ctx: file: key: depth: modules:
    if modules == [ ] then
      [ ]
    else if isList modules then
      imap (n: load ctx file "${key}:anon-${toString n}" depth) modules
    else
      errors.importsNotAList file modules;

  # With the arguments there, what waited for them can be loaded.
  resolveDynamic =
    ctx: e: if e ? dynamic then load ctx e.file e.key e.depth e.dynamic else e;

  # Modules one level further away than they were.
  group = key: children: {
    file = "<unknown-file>";
    disabled = [ ];
    declares = false;
    configures = false;
    options = { };
    config = { };
    imports = [ ];
    depth = 0;
    inherit key children;
  };

  # All modules reachable from `start`, each once, nearest first, without the disabled ones.
  closure =
    ctx: start:
    let
      operator = e: map (resolveDynamic ctx) e.children;
      everything = genericClosure {
        startSet = start;
        inherit operator;
      };
      disabled = concatMap (e: map (disabledKey ctx e.file) e.disabled) everything;
      enabled = filter (e: !(elem e.key disabled));
    in
    if all (e: e.disabled == [ ]) everything then
      everything
    else
      genericClosure {
        startSet = enabled start;
        operator = e: enabled (operator e);
      };

  disabledKey =
    ctx: file: m:
    if isString m then
      if substring 0 1 m == "/" then m else "${toString ctx.modulesPath}/${m}"
    else if isAttrs m && m ? key then
      toString m.key
    else if builtins.isPath m || m ? outPath then
      toString m
    else
      errors.notAModuleKey file m;
in
{
  inherit
    load
    loadAll
    resolveDynamic
    group
    closure
    ;
}
