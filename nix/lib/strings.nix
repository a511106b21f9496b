# Strings.
{ lib }:
let
  inherit (builtins)
    concatLists
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    fromJSON
    genList
    head
    isAttrs
    isInt
    isList
    isPath
    isString
    length
    map
    match
    replaceStrings
    split
    storeDir
    stringLength
    substring
    tail
    toJSON
    typeOf
    unsafeDiscardStringContext
    ;
  upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  lower = "abcdefghijklmnopqrstuvwxyz";
in
rec {
  inherit
    concatStringsSep
    fromJSON
    match
    replaceStrings
    split
    storeDir
    stringLength
    substring
    toJSON
    typeOf
    unsafeDiscardStringContext
    isInt
    isList
    isAttrs
    isPath
    isString
    ;
  inherit (builtins)
    compareVersions
    fromTOML
    parseDrvName
    readFile
    ;

  concatStrings = concatStringsSep "";
  concatMapStrings = f: list: concatStrings (map f list);
  concatMapStringsSep =
    sep: f: list:
    concatStringsSep sep (map f list);
  concatImapStrings = f: list: concatStrings (lib.imap1 f list);
  concatImapStringsSep =
    sep: f: list:
    concatStringsSep sep (lib.imap1 f list);
  concatMapAttrsStringSep =
    sep: f: attrs:
    concatStringsSep sep (lib.mapAttrsToList f attrs);
  concatLines = concatMapStrings (s: s + "\n");
  intersperse =
    sep: list:
    if length list < 2 then
      list
    else
      tail (
        concatLists (
          map (x: [
            sep
            x
          ]) list
        )
      );
  replaceString = from: to: replaceStrings [ from ] [ to ];
  replicate = n: s: concatStrings (genList (_: s) n);
  join = concatStringsSep;

  trim = trimWith {
    start = true;
    end = true;
  };
  trimWith =
    {
      start ? false,
      end ? false,
    }:
    s:
    let
      space = "[ \t\r\n]*";
      nonspace = "[^ \t\r\n]";
      afterStart =
        if start then
          let
            m = match "${space}(.*)" s;
          in
          if m == null then s else head m
        else
          s;
      afterEnd =
        if end then
          let
            m = match "(.*${nonspace})${space}" afterStart;
          in
          if m == null then (if match space afterStart != null then "" else afterStart) else head m
        else
          afterStart;
    in
    afterEnd;

  makeSearchPath =
    dir: paths:
    concatStringsSep ":" (map (p: "${p}/${dir}") (filter (p: p != null) paths));
  makeSearchPathOutput =
    output: dir: pkgs:
    makeSearchPath dir (map (lib.getOutput output) pkgs);
  makeLibraryPath = makeSearchPathOutput "lib" "lib";
  makeIncludePath = makeSearchPathOutput "dev" "include";
  makeBinPath = makeSearchPathOutput "bin" "bin";
  normalizePath =
    s:
    concatStrings (
      lib.foldr (
        c: acc: if c == "/" && acc != [ ] && head acc == "/" then acc else [ c ] ++ acc
      ) [ ] (stringToCharacters s)
    );

  optionalString = cond: s: if cond then s else "";
  hasPrefix = prefix: s: substring 0 (stringLength prefix) s == prefix;
  hasSuffix =
    suffix: s:
    let
      n = stringLength suffix;
      m = stringLength s;
    in
    m >= n && substring (m - n) n s == suffix;
  hasInfix =
    infix: s: lib.length (filter isString (split (escapeRegex (toString infix)) (toString s))) > 1;
  removePrefix =
    prefix: s: if hasPrefix prefix s then substring (stringLength prefix) (-1) s else s;
  removeSuffix =
    suffix: s:
    if hasSuffix suffix s then substring 0 (stringLength s - stringLength suffix) s else s;

  stringToCharacters = s: genList (i: substring i 1 s) (stringLength s);
  stringAsChars = f: s: concatMapStrings f (stringToCharacters s);
  charToInt =
    let
      table = fromJSON (readTable);
      # One JSON object from every ASCII character to its number.
      readTable = "{${
        concatStringsSep "," (
          genList (
            i: let n = i + 1; in "${toJSON (fromJSON ''"\u00${hex (n / 16)}${hex (n - n / 16 * 16)}"'')}:${toString n}"
          ) 127
        )
      }}";
      hex = d: substring d 1 "0123456789abcdef";
    in
    c: table.${c} or (throw "charToInt: `${c}' is not an ASCII character");

  escape = list: replaceStrings list (map (c: "\\${c}") list);
  escapeC =
    list:
    replaceStrings list (map (c: "\\x${lib.toLower (padLeft 2 "0" (lib.toHexString (charToInt c)))}") list);
  escapeURL =
    let
      plain = stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
      special = filter (c: !(elem c plain)) (
        map (i: fromJSON ''"\u00${padLeft 2 "0" (lib.toHexString i)}"'') (lib.range 1 127)
      );
    in
    replaceStrings special (map (c: "%${padLeft 2 "0" (lib.toHexString (charToInt c))}") special);
  padLeft = n: c: s: replicate (n - stringLength s) c + s;
  escapeShellArg =
    arg:
    let
      s = toString arg;
    in
    if match "[[:alnum:],._+:@%/-]+" s == null then "'${replaceStrings [ "'" ] [ "'\\''" ] s}'" else s;
  escapeShellArgs = concatMapStringsSep " " escapeShellArg;
  isValidPosixName = name: match "[a-zA-Z_][a-zA-Z0-9_]*" name != null;
  toShellVar =
    name: value:
    lib.throwIfNot (isValidPosixName name) "toShellVar: ${name} is not a valid shell variable name" (
      if isAttrs value && !isStringLike value then
        "declare -A ${name}=(${
          concatStringsSep " " (lib.mapAttrsToList (n: v: "[${escapeShellArg n}]=${escapeShellArg v}") value)
        })"
      else if isList value then
        "declare -a ${name}=(${escapeShellArgs value})"
      else
        "${name}=${escapeShellArg value}"
    );
  toShellVars = vars: concatStringsSep "\n" (lib.mapAttrsToList toShellVar vars);
  escapeNixString = s: escape [ "$" ] (toJSON s);
  escapeRegex = escape (stringToCharacters "\\[{()^$?*+|.");
  escapeNixIdentifier =
    s:
    if match "[a-zA-Z_][a-zA-Z0-9_'-]*" s != null && !(elem s keywords) then s else escapeNixString s;
  keywords = [
    "assert"
    "else"
    "if"
    "in"
    "inherit"
    "let"
    "or"
    "rec"
    "then"
    "with"
  ];
  escapeXML =
    replaceStrings
      [
        "\""
        "'"
        "<"
        ">"
        "&"
      ]
      [
        "&quot;"
        "&apos;"
        "&lt;"
        "&gt;"
        "&amp;"
      ];

  toLower = replaceStrings (stringToCharacters upper) (stringToCharacters lower);
  toUpper = replaceStrings (stringToCharacters lower) (stringToCharacters upper);
  toSentenceCase =
    s: if s == "" then "" else toUpper (substring 0 1 s) + toLower (substring 1 (-1) s);
  toCamelCase =
    s:
    let
      words = filter (w: isString w && w != "") (split "[^A-Za-z0-9]+" s);
      capital = w: toUpper (substring 0 1 w) + substring 1 (-1) w;
      lead = w: toLower (substring 0 1 w) + substring 1 (-1) w;
    in
    if words == [ ] then "" else lead (head words) + concatMapStrings capital (tail words);

  addContextFrom = src: target: substring 0 0 src + target;
  splitString =
    sep: s:
    map (addContextFrom s) (
      filter isString (split (escapeRegex (toString sep)) (unsafeDiscardStringContext (toString s)))
    );
  splitStringBy =
    pred: keep: s:
    let
      n = stringLength s;
      at = i: substring i 1 s;
      go =
        i: start: prev:
        if i == n then
          [ (substring start (n - start) s) ]
        else if pred prev (at i) then
          [ (substring start (i - start) s) ] ++ go (i + 1) (if keep then i else i + 1) (at i)
        else
          go (i + 1) start (at i);
    in
    if s == "" then [ "" ] else go 0 0 "";

  versionOlder = v1: v2: builtins.compareVersions v2 v1 == 1;
  versionAtLeast = v1: v2: !(versionOlder v1 v2);
  getName = x: if isString x then (builtins.parseDrvName x).name else x.pname or (builtins.parseDrvName x.name).name;
  getVersion =
    x: if isString x then (builtins.parseDrvName x).version else x.version or (builtins.parseDrvName x.name).version;
  nameFromURL =
    url: sep:
    let
      file = lib.last (splitString "/" url);
      name = head (splitString sep file);
    in
    if name == file then throw "nameFromURL: no `${sep}' in ${file}" else name;

  cmakeOptionType =
    type: feature: value:
    "-D${feature}:${toUpper type}=${value}";
  cmakeBool = feature: flag: cmakeOptionType "bool" feature (lib.toUpper (lib.boolToString flag));
  cmakeFeature = cmakeOptionType "string";
  mesonOption = feature: value: "-D${feature}=${value}";
  mesonBool = feature: flag: mesonOption feature (lib.boolToString flag);
  mesonEnable = feature: flag: mesonOption feature (if flag then "enabled" else "disabled");
  enableFeature = flag: feature: "--${if flag then "enable" else "disable"}-${feature}";
  enableFeatureAs =
    flag: feature: value:
    enableFeature flag feature + optionalString flag "=${value}";
  withFeature = flag: feature: "--${if flag then "with" else "without"}-${feature}";
  withFeatureAs =
    flag: feature: value:
    withFeature flag feature + optionalString flag "=${value}";

  fixedWidthString =
    width: filler: s:
    let
      n = stringLength s;
    in
    if n > width then
      throw "fixedWidthString: requested string length (${toString width}) must not be shorter than actual length (${toString n})"
    else if n == width then
      s
    else
      filler + fixedWidthString (width - stringLength filler) filler s;
  fixedWidthNumber = width: n: fixedWidthString width "0" (toString n);
  floatToString =
    f:
    let
      s = toString f;
      exact = toJSON f;
    in
    if fromJSON s == f then s else exact;

  isConvertibleWithToString =
    x:
    isStringLike x
    || elem (typeOf x) [
      "null"
      "int"
      "float"
      "bool"
    ]
    || (isList x && lib.all isConvertibleWithToString x);
  isStringLike = x: isString x || isPath x || x ? outPath || x ? __toString;
  isCoercibleToString = isConvertibleWithToString;
  isStorePath =
    x:
    isStringLike x
    && (
      let
        s = toString x;
      in
      substring 0 1 s == "/" && builtins.dirOf s == storeDir && match ".{32}-.+" (baseNameOf s) != null
    );

  toInt =
    s:
    let
      m = match "[[:space:]]*(-?[[:digit:]]+)[[:space:]]*" s;
      digits = head m;
    in
    if m == null then
      throw "toInt: Could not convert ${escapeNixString s} to int."
    else if match "-?0[0-9]+" digits != null then
      throw "toInt: Ambiguity in interpretation of ${escapeNixString s} between octal and zero padded integer."
    else
      fromJSON digits;
  toIntBase10 =
    s:
    let
      m = match "[[:space:]]*(-?)0*([[:digit:]]+)[[:space:]]*" s;
    in
    if m == null then
      throw "toIntBase10: Could not convert ${escapeNixString s} to int."
    else
      fromJSON (head m + elemAt m 1);

  fileContents = file: removeSuffix "\n" (builtins.readFile file);
  readPathsFromFile =
    root: file:
    map (p: root + "/${p}") (
      filter (l: l != "" && !(hasPrefix "#" l)) (splitString "\n" (builtins.readFile file))
    );

  sanitizeDerivationName =
    name:
    let
      clean = concatStrings (
        map (s: if isList s then "-" else s) (
          split "[^[:alnum:]+._?=-]+" (unsafeDiscardStringContext (toString name))
        )
      );
      bare = match "\\.*(.*)" clean;
      cut = lib.substring (lib.max (stringLength (head bare) - 207) 0) (-1) (head bare);
    in
    if cut == "" then "unknown" else cut;

  levenshtein =
    a: b:
    let
      la = stringLength a;
      lb = stringLength b;
      row =
        prev: i:
        foldl' (
          acc: j:
          acc
          ++ [
            (lib.min (lib.min (elemAt prev (j + 1) + 1) (lib.last acc + 1)) (
              elemAt prev j + (if substring i 1 a == substring j 1 b then 0 else 1)
            ))
          ]
        ) [ (i + 1) ] (genList (j: j) lb);
    in
    elemAt (foldl' row (genList (j: j) (lb + 1)) (genList (i: i) la)) lb;
  levenshteinAtMost =
    k: a: b:
    levenshtein a b <= k;
  commonPrefixLength =
    a: b:
    let
      n = lib.min (stringLength a) (stringLength b);
      go = i: if i >= n || substring i 1 a != substring i 1 b then i else go (i + 1);
    in
    go 0;
  commonSuffixLength =
    a: b:
    let
      la = stringLength a;
      lb = stringLength b;
      n = lib.min la lb;
      go = i: if i >= n || substring (la - i - 1) 1 a != substring (lb - i - 1) 1 b then i else go (i + 1);
    in
    go 0;

  indent = prefix: s: concatStringsSep "\n" (map (l: if l == "" then l else prefix + l) (splitString "\n" s));
  lowerChars = stringToCharacters lower;
  upperChars = stringToCharacters upper;
}
