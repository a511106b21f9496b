# Small functions about functions, numbers, files and warnings.
{ lib }:
let
  inherit (builtins)
    bitAnd
    bitOr
    bitXor
    foldl'
    fromJSON
    fromTOML
    functionArgs
    isAttrs
    isFunction
    isInt
    lessThan
    pathExists
    readFile
    trace
    ;
in
rec {
  id = x: x;
  const = x: _: x;
  pipe = foldl' (x: f: f x);
  concat = x: y: x ++ y;
  flip =
    f: a: b:
    f b a;
  defaultTo = default: x: if x == null then default else x;
  mapNullable = f: a: if a == null then a else f a;

  or = x: y: x || y;
  and = x: y: x && y;
  xor = x: y: (!x) != (!y);
  bitNot = builtins.sub (-1);
  inherit bitAnd bitOr bitXor;
  boolToString = b: if b then "true" else "false";
  boolToYesNo = b: if b then "yes" else "no";
  mergeAttrs = x: y: x // y;

  min = x: y: if x < y then x else y;
  max = x: y: if x > y then x else y;
  mod = base: int: base - (int * (builtins.div base int));
  compare =
    a: b:
    if a < b then
      -1
    else if a > b then
      1
    else
      0;
  splitByAndCompare =
    p: yes: no: a: b:
    if p a then
      if p b then yes a b else -1
    else if p b then
      1
    else
      no a b;
  inherit lessThan;

  inherit (builtins)
    add
    addErrorContext
    ceil
    deepSeq
    floor
    fromJSON
    genericClosure
    isBool
    isFloat
    isInt
    pathExists
    readDir
    readFile
    seq
    sub
    unsafeGetAttrPos
    ;

  importJSON = path: fromJSON (readFile path);
  importTOML = path: fromTOML (readFile path);

  warn = message: value: if builtins ? warn then builtins.warn message value else trace "evaluation warning: ${message}" value;
  warnIf = condition: message: if condition then warn message else value: value;
  warnIfNot = condition: message: if condition then value: value else warn message;
  throwIf = condition: message: if condition then throw message else value: value;
  throwIfNot = condition: message: if condition then value: value else throw message;
  info = message: trace "INFO: ${message}";
  showWarnings = warnings: value: foldl' (v: message: warn message v) value warnings;
  checkListOfEnum =
    message: valid: values:
    let
      bad = builtins.filter (v: !(builtins.elem v valid)) values;
    in
    throwIf (bad != [ ])
      "${message}: ${builtins.concatStringsSep ", " (map toString bad)} unexpected; valid ones: ${builtins.concatStringsSep ", " (map toString valid)}";

  functionArgs =
    f:
    if f ? __functor then f.__functionArgs or (lib.functionArgs (f.__functor f)) else builtins.functionArgs f;
  setFunctionArgs = f: args: {
    __functor = _: f;
    __functionArgs = args;
  };
  isFunction = f: builtins.isFunction f || (f ? __functor && lib.isFunction (f.__functor f));
  mirrorFunctionArgs =
    f:
    let
      args = lib.functionArgs f;
    in
    g: setFunctionArgs g args;
  toFunction = v: if lib.isFunction v then v else _: v;

  fromHexString =
    text:
    let
      digits = lib.stringToCharacters (lib.toLower (lib.removePrefix "0x" text));
      value = c: lib.lists.findFirstIndex (d: d == c) (throw "fromHexString: `${text}' is not a hexadecimal number") (lib.stringToCharacters "0123456789abcdef");
    in
    foldl' (n: c: n * 16 + value c) 0 digits;
  toHexString =
    n: lib.concatMapStrings (d: builtins.substring d 1 "0123456789ABCDEF") (toBaseDigits 16 n);
  toBaseDigits =
    base: n:
    let
      go = n: if n < base then [ n ] else go (n / base) ++ [ (mod n base) ];
    in
    if !(isInt n) || n < 0 then throw "toBaseDigits: needs a non-negative integer" else go n;

  inNixShell = builtins.getEnv "IN_NIX_SHELL" != "";
  inPureEvalMode = !(builtins ? currentSystem);
  isInOldestRelease = _: false;
  oldestSupportedRelease = 2605;
  oldestSupportedReleaseIsAtLeast = release: release <= oldestSupportedRelease;
  trivial.release = release;
  release = "26.05";
  version = release;
  versionSuffix = "";
  codeName = "NixOps4";
  nixpkgsVersion = version;
  revisionWithDefault = default: default;
}
