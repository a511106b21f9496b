# The outputs of the flake in a directory. Inputs are directories; one that would have to be fetched is an error only
# for whoever uses it. The directory is read in place, not copied to a store.
let
  inherit (builtins)
    fromJSON
    head
    isAttrs
    isList
    isString
    mapAttrs
    match
    pathExists
    readFile
    substring
    tail
    ;

  # An input's declaration as an attribute set with `url` or `type`.
  spec = input: if isString input then { url = input; } else input;

  # The directory an input stands for; null where it is not a local one.
  directory =
    base: s:
    let
      path =
        if s.type or null == "path" then
          s.path
        else if s ? url then
          let
            plain = head (match "([^?#]*).*" s.url);
            stripped = match "path:(.*)" plain;
          in
          if stripped != null then
            head stripped
          else if substring 0 1 plain == "/" || substring 0 1 plain == "." then
            plain
          else
            null
        else
          null;
    in
    if path == null then
      null
    else if substring 0 1 path == "/" then
      /. + path
    else
      base + "/${path}";

  isOurs =
    s:
    (s.type or null == "github" && s.owner or null == "nixops4" && s.repo or null == "nixops4")
    || (s ? url && match "(github:|git\\+https://github\\.com/)nixops4/nixops4.*" s.url != null);

  describe =
    s:
    if s ? url then
      s.url
    else if s ? owner && s ? repo then
      "${s.type}:${s.owner}/${s.repo}"
    else
      s.type or "nowhere";

  # `overrides`: what a parent's `inputs.<this>.inputs.<name>` says.
  call =
    parents: dir: overrides:
    let
      file = dir + "/flake.nix";
      flake = import file;
      lockFile = dir + "/flake.lock";
      lock =
        if pathExists lockFile then
          let
            l = fromJSON (readFile lockFile);
          in
          if l.version >= 5 && l.version <= 7 then
            l
          else
            throw "`${toString lockFile}' has version ${toString l.version}, which is not known here."
        else
          null;

      # Follows references through the lock file, from its root.
      nodeName =
        ref:
        if isList ref then
          builtins.foldl' (name: input: nodeName lock.nodes.${name}.inputs.${input}) lock.root ref
        else
          ref;
      locked =
        name:
        if lock != null && lock.nodes.${lock.root}.inputs or { } ? ${name} then
          lock.nodes.${nodeName lock.nodes.${lock.root}.inputs.${name}}.locked or null
        else
          null;

      declared =
        (flake.inputs or { })
        // mapAttrs (_: _: { }) (
          removeAttrs (builtins.functionArgs flake.outputs) ([ "self" ] ++ builtins.attrNames (flake.inputs or { }))
        );

      resolve =
        name: input:
        let
          s = spec input;
          l = locked name;
          target = if s ? url || s ? type || l == null then s else l;
          dir' = directory dir target;
        in
        if overrides ? ${name} then
          overrides.${name}
        else if s ? follows then
          follow (if isString s.follows then builtins.filter isString (builtins.split "/" s.follows) else s.follows)
        else if dir' == null && (isOurs target || (target == { } && name == "nixops4")) then
          ours
        else if dir' == null then
          throw "The flake input `${name}' of `${toString dir}' comes from `${describe target}', and only local directories can be inputs so far."
        else if !(pathExists dir') then
          throw "The flake input `${name}' of `${toString dir}' is `${toString dir'}', which does not exist."
        else if s.flake or true == false then
          {
            outPath = toString dir';
            sourceInfo.outPath = toString dir';
          }
        else if builtins.elem (toString dir') parents then
          throw "The flake `${toString dir'}' is an input of itself."
        else
          call (parents ++ [ (toString dir) ]) dir' (
            mapAttrs (n: i: resolve n i) (s.inputs or { })
          );
      follow =
        path: builtins.foldl' (node: name: node.inputs.${name}) inputs.${head path} (tail path);

      inputs = mapAttrs resolve declared;
      ours = import ./outputs.nix // {
        _type = "flake";
        inputs = { };
        outPath = toString ../.;
      };

      outputs = flake.outputs (inputs // { inherit self; });
      sourceInfo = {
        outPath = toString dir;
        lastModified = 0;
        lastModifiedDate = "19700101000000";
      };
      self =
        outputs
        // sourceInfo
        // {
          inherit inputs outputs sourceInfo;
          _type = "flake";
        };
    in
    if !(pathExists file) then
      throw "There is no `flake.nix' in `${toString dir}'."
    else if !(isAttrs flake && flake ? outputs) then
      throw "`${toString file}' has no `outputs'."
    else
      self;
in
dir: call [ ] dir { }
