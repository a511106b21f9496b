# What the engine asks of components, in forms that need no more evaluation: text in JSON.
let
  inherit (builtins)
    attrNames
    filter
    fromJSON
    head
    isAttrs
    map
    toJSON
    unsafeGetAttrPos
    ;

  first =
    found:
    let
      known = filter (pos: pos != null) found;
    in
    if known == [ ] then null else head known;
  position = places: first (map (place: unsafeGetAttrPos place.name place.set) places);

  program =
    program:
    if program.kind == "local" then
      { inherit (program) kind; }
    else if program.kind == "tfplugin" then
      {
        inherit (program) kind;
        executable = program.executable or null;
        source = program.source or null;
        version = program.version or null;
      }
    else
      {
        kind = "stdio";
        inherit (program) executable args;
      };
in
{
  head = resource: toJSON { inherit (resource) type mode; };

  instance =
    instance:
    let
      name = instance.name or null;
    in
    toJSON {
      inherit name;
      path = if name == null then [ ] else instance.path;
      program = program instance.program;
    };

  providerSettings =
    instance:
    toJSON (
      instance.limits or { }
      // (if instance.meta or null == null then { } else { meta = builtins.fromJSON instance.meta; })
    );

  state =
    component:
    toJSON (
      if component.state ? inherited then "inherit" else { member = component.state.handler; }
    );

  settings =
    resource:
    toJSON {
      inherit (resource)
        formerly
        dependsOn
        requireState
        importId
        ;
      outputsSkeleton =
        if isAttrs resource.outputsSkeleton then
          attrNames resource.outputsSkeleton
        else
          resource.outputsSkeleton;
      lifecycle = { inherit (resource.lifecycle) createBeforeDestroy preventDestroy ignoreChanges; };
      triggers = map (
        trigger: if trigger ? member then { inherit (trigger) member; } else { }
      ) resource.lifecycle.replaceTriggeredBy;
    };

  list = toJSON;

  position = places: toJSON (position places);

  written = name: sets: toJSON (first (map (set: unsafeGetAttrPos name set) sets));

  locate = path: subject: toJSON (position (subject.locate (fromJSON path)));
}
