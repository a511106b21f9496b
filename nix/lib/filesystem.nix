# Files and directories.
{ lib }:
let
  inherit (builtins) readDir;
in
rec {
  pathType =
    path:
    if !(builtins.pathExists path) then
      throw "lib.filesystem.pathType: Path ${toString path} does not exist."
    else
      builtins.readFileType path;
  pathIsDirectory = path: builtins.pathExists path && pathType path == "directory";
  pathIsRegularFile = path: builtins.pathExists path && pathType path == "regular";
  listFilesRecursive =
    dir:
    lib.flatten (
      lib.mapAttrsToList (
        name: type: if type == "directory" then listFilesRecursive (dir + "/${name}") else dir + "/${name}"
      ) (readDir dir)
    );
  locateDominatingFile =
    pattern: file:
    let
      go =
        path:
        let
          found = builtins.filter (m: m != null) (
            map (name: builtins.match pattern name) (builtins.attrNames (readDir path))
          );
        in
        if found != [ ] then
          {
            inherit path;
            matches = map (_: builtins.head found) [ null ];
          }
        else if path == /. then
          null
        else
          go (dirOf path);
      start = if pathIsDirectory file then file else dirOf file;
    in
    go start;
  packagesFromDirectoryRecursive =
    {
      callPackage,
      directory,
      ...
    }@args:
    let
      default = directory + "/package.nix";
    in
    if builtins.pathExists default then
      callPackage default { }
    else
      lib.concatMapAttrs (
        name: type:
        let
          path = directory + "/${name}";
        in
        if type == "directory" then
          { ${name} = packagesFromDirectoryRecursive (args // { directory = path; }); }
        else if type == "regular" && lib.hasSuffix ".nix" name then
          { ${lib.removeSuffix ".nix" name} = callPackage path { }; }
        else
          { }
      ) (readDir directory);
  resolveDefaultNix = v: if lib.isPath v && pathIsDirectory v then v + "/default.nix" else v;
}
