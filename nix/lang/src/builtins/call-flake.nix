# The outputs of a locked flake.
#
# lock: the lock file's nodes; here: sources by node, { sourceInfo, dir }, for those that are not to be fetched; shipped:
# flakes that the program brings along, by name; fetch: fetches what a node's `locked` says; about: says in errors what a
# value was for, with the place of an attribute that says so, as in `about message attrs name value`.
lock: here: shipped: fetch: about:
let
  inherit (builtins)
    concatStringsSep
    elemAt
    foldl'
    isFunction
    isList
    length
    mapAttrs
    seq
    substring
    ;

  # An edge is a node's name, or the way to it from the root.
  follow = edge: if isList edge then foldl' (node: name: follow lock.nodes.${node}.inputs.${name}) lock.root edge else edge;

  init = list: builtins.genList (elemAt list) (length list - 1);

  within = base: dir: if dir == "" then base else "${base}/${dir}";

  flakes = mapAttrs (
    name: node:
    let
      locked = node.locked or { };
      isHere = here ? ${name};
      # A path inside the source of the flake that names it.
      isRelative = !isHere && locked.type or null == "path" && substring 0 1 locked.path != "/";
      parent = flakes.${follow node.parent};

      way = node.way or [ ];
      input = elemAt way (length way - 1);
      # Whoever names the flake says where it is.
      naming = message: about "${message} the flake input '${concatStringsSep "/" way}'" namer.declared input;
      namer = flakes.${foldl' (node: name: lock.nodes.${node}.inputs.${name}) lock.root (init way)};

      sourceInfo =
        if isHere then
          here.${name}.sourceInfo
        else if isRelative then
          parent.sourceInfo
        else
          naming "while fetching" (fetch (node.info or { } // removeAttrs locked [ "dir" ]));
      outPath = within (if isRelative then within parent.outPath locked.path else sourceInfo.outPath) (
        here.${name}.dir or locked.dir or ""
      );

      file = import (outPath + "/flake.nix");
      flake = if way == [ ] then file else seq outPath (naming "while reading" file);
      declared = builtins.functionArgs file.outputs // file.inputs or { };
      inputs = mapAttrs (_: edge: flakes.${follow edge}.value) (node.inputs or { });
      outputs = flake.outputs (inputs // { self = value; });
      value =
        if node ? shipped then
          shipped.${node.shipped}
        else if !(node.flake or true) then
          sourceInfo // { inherit sourceInfo outPath; }
        else
          assert isFunction flake.outputs;
          outputs
          // sourceInfo
          // {
            inherit
              inputs
              outPath
              outputs
              sourceInfo
              ;
            _type = "flake";
          };
    in
    {
      inherit
        declared
        outPath
        sourceInfo
        value
        ;
    }
  ) lock.nodes;
in
flakes.${lock.root}.value
