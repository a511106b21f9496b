# Source trees, filtered.
{ lib }:
rec {
  cleanSourceFilter =
    name: type:
    let
      base = baseNameOf (toString name);
    in
    !(
      (base == ".git" || type == "directory" && builtins.elem base [ ".svn" "CVS" ".hg" ".jj" ])
      || lib.hasSuffix "~" base
      || builtins.match "\\.sw[a-z]|.*\\.sw[a-z]" base != null
      || lib.hasSuffix ".o" base
      || lib.hasSuffix ".so" base
      || (type == "symlink" && lib.hasPrefix "result" base)
      || type == "unknown"
    );
  cleanSource =
    src:
    cleanSourceWith {
      filter = cleanSourceFilter;
      inherit src;
    };
  cleanSourceWith =
    {
      src,
      filter ? _: _: true,
      name ? null,
    }:
    let
      inner = if src ? _isLibCleanSourceWith then src else { origSrc = src; filter = _: _: true; name = "source"; };
      both = path: type: inner.filter path type && filter path type;
      name' = if name == null then inner.name else name;
    in
    {
      _isLibCleanSourceWith = true;
      inherit (inner) origSrc;
      filter = both;
      name = name';
      outPath = builtins.path {
        path = inner.origSrc;
        filter = both;
        name = name';
      };
    };
  sourceByRegex =
    src: regexes:
    let
      root = toString src;
    in
    cleanSourceWith {
      inherit src;
      filter =
        path: type:
        builtins.any (re: builtins.match re (lib.removePrefix (root + "/") (toString path)) != null) regexes;
    };
  sourceFilesBySuffices =
    src: suffixes:
    cleanSourceWith {
      inherit src;
      filter =
        path: type: type == "directory" || builtins.any (s: lib.hasSuffix s (baseNameOf path)) suffixes;
    };
  pathType = lib.filesystem.pathType;
}
