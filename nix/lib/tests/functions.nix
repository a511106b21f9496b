# The functions of lib that are not about modules: each test is { expr, expected }.
lib: with lib;
let
  fails = expr: {
    expr = (builtins.tryEval (builtins.deepSeq expr expr)).success;
    expected = false;
  };
in {
  t1 = {
    expr = pipe 3 [ (x: x + 1) toString ];
    expected = "4";
  };
  t2 = {
    expr = attrByPath [ "a" "b" ] 0 { a.b = 1; };
    expected = 1;
  };
  t3 = {
    expr = attrByPath [ "a" "c" ] 0 { a.b = 1; };
    expected = 0;
  };
  t4 = {
    expr = filterAttrs (n: v: n != "a") { a = 1; b = 2; };
    expected = { b = 2; };
  };
  t5 = {
    expr = mapAttrs' (n: v: nameValuePair "x${n}" (v + 1)) { a = 1; };
    expected = { xa = 2; };
  };
  t6 = {
    expr = recursiveUpdate { a.b.c = 1; a.d = 2; } { a.b.e = 3; a.d = { x = 1; }; };
    expected = { a = { b = { c = 1; e = 3; }; d = { x = 1; }; }; };
  };
  t7 = {
    expr = foldlAttrs (acc: n: v: acc + v) 0 { a = 1; b = 2; };
    expected = 3;
  };
  t8 = {
    expr = cartesianProduct { a = [ 1 2 ]; b = [ 3 4 ]; };
    expected = [ { a = 1; b = 3; } { a = 1; b = 4; } { a = 2; b = 3; } { a = 2; b = 4; } ];
  };
  t9 = {
    expr = collect isInt { a = 1; b.c = 2; };
    expected = [ 1 2 ];
  };
  t10 = {
    expr = mapAttrsRecursive (p: v: concatStringsSep "." p) { a.b = 1; c = 2; };
    expected = { a = { b = "a.b"; }; c = "c"; };
  };
  t11 = {
    expr = genAttrs [ "a" ] (n: n + "1");
    expected = { a = "a1"; };
  };
  t12 = {
    expr = zipAttrs [ { a = 1; } { a = 2; b = 3; } ];
    expected = { a = [ 1 2 ]; b = [ 3 ]; };
  };
  t13 = {
    expr = updateManyAttrsByPath [ { path = [ "a" "b" ]; update = old: { d = old.c; }; } { path = [ "a" "b" "c" ]; update = old: old + 1; } ] { a.b.c = 0; };
    expected = { a = { b = { d = 1; }; }; };
  };
  t14 = {
    expr = splitString "." "a.b.c";
    expected = [ "a" "b" "c" ];
  };
  t15 = {
    expr = removePrefix "a" "abc";
    expected = "bc";
  };
  t16 = {
    expr = removeSuffix "c" "abc";
    expected = "ab";
  };
  t17 = {
    expr = hasInfix "b.c" "ab.cd";
    expected = true;
  };
  t18 = {
    expr = toUpper "abZ";
    expected = "ABZ";
  };
  t19 = {
    expr = escapeShellArg "it's";
    expected = "'it'\\''s'";
  };
  t20 = {
    expr = escapeShellArg "abc";
    expected = "abc";
  };
  t21 = {
    expr = concatMapStringsSep "," toString [ 1 2 ];
    expected = "1,2";
  };
  t22 = {
    expr = toInt " 12 ";
    expected = 12;
  };
  t23 = fails (toInt "012");
  t24 = {
    expr = toIntBase10 "012";
    expected = 12;
  };
  t25 = {
    expr = fixedWidthNumber 4 12;
    expected = "0012";
  };
  t26 = {
    expr = versionOlder "1.1" "1.2";
    expected = true;
  };
  t27 = {
    expr = trim "  a b \n";
    expected = "a b";
  };
  t28 = {
    expr = splitString "" "abc";
    expected = [ "" "a" "b" "c" "" ];
  };
  t29 = {
    expr = take 2 [ 1 2 3 ];
    expected = [ 1 2 ];
  };
  t30 = {
    expr = drop 2 [ 1 2 3 ];
    expected = [ 3 ];
  };
  t31 = {
    expr = sublist 1 1 [ 1 2 3 ];
    expected = [ 2 ];
  };
  t32 = {
    expr = unique [ 1 2 1 ];
    expected = [ 1 2 ];
  };
  t33 = {
    expr = foldr (a: b: a + b) "" [ "a" "b" ];
    expected = "ab";
  };
  t34 = {
    expr = range 1 4;
    expected = [ 1 2 3 4 ];
  };
  t35 = {
    expr = flatten [ 1 [ 2 [ 3 ] ] ];
    expected = [ 1 2 3 ];
  };
  t36 = {
    expr = findFirst (x: x > 1) 0 [ 1 2 3 ];
    expected = 2;
  };
  t37 = {
    expr = partition (x: x > 1) [ 1 2 ];
    expected = { right = [ 2 ]; wrong = [ 1 ]; };
  };
  t38 = {
    expr = toposort (a: b: a < b) [ 3 1 2 ];
    expected = { result = [ 1 2 3 ]; };
  };
  t39 = {
    expr = naturalSort [ "disk11" "disk8" "disk100" "disk9" ];
    expected = [ "disk8" "disk9" "disk11" "disk100" ];
  };
  t40 = {
    expr = zipLists [ 1 2 ] [ "a" ];
    expected = [ { fst = 1; snd = "a"; } ];
  };
  t41 = {
    expr = sort lessThan [ 2 1 ];
    expected = [ 1 2 ];
  };
  t42 = {
    expr = lists.removePrefix [ 1 ] [ 1 2 ];
    expected = [ 2 ];
  };
  t43 = {
    expr = lists.commonPrefix [ 1 2 ] [ 1 3 ];
    expected = [ 1 ];
  };
  t44 = {
    expr = mutuallyExclusive [ 1 ] [ 2 ];
    expected = true;
  };
  t45 = {
    expr = imap1 (i: v: i) [ "a" ];
    expected = [ 1 ];
  };
  t46 = {
    expr = intersectLists [ 1 2 ] [ 2 3 ];
    expected = [ 2 ];
  };
  t47 = {
    expr = subtractLists [ 1 ] [ 1 2 ];
    expected = [ 2 ];
  };
  t48 = {
    expr = last [ 1 2 ];
    expected = 2;
  };
  t49 = {
    expr = init [ 1 2 ];
    expected = [ 1 ];
  };
  t50 = {
    expr = crossLists (x: y: "${x}${y}") [ [ "1" ] [ "a" "b" ] ];
    expected = [ "1a" "1b" ];
  };
  t51 = {
    expr = generators.toPretty { } { a = [ 1 "b" null true { } [ ] ]; "c d" = { e = ''
  x
  y
 ''; }; f = x: x; g = { y ? 1, z }: 1; };
    expected = "{\n  a = [\n    1\n    \"b\"\n    null\n    true\n    { }\n    [ ]\n  ];\n  \"c d\" = {\n    e = ''\n      x\n      y\n    '';\n  };\n  f = <function>;\n  g = <function, args: {y?, z}>;\n}";
  };
  t52 = {
    expr = generators.toINI { } { s = { a = 1; b = true; }; };
    expected = "[s]\na=1\nb=true\n";
  };
  t53 = {
    expr = generators.toKeyValue { } { a = "b"; };
    expected = "a=b\n";
  };
  t54 = {
    expr = cli.toGNUCommandLineShell { } { data = "x y"; X = "PUT"; retry = 3; silent = true; url = [ "a" "b" ]; v = false; n = null; };
    expected = "-X PUT --data 'x y' --retry 3 --silent --url a --url b";
  };
  t55 = {
    expr = makeBinPath [ "/a" "/b" ];
    expected = "/a/bin:/b/bin";
  };
  t57 = {
    expr = strings.escapeNixIdentifier "a b";
    expected = "\"a b\"";
  };
  t58 = {
    expr = strings.escapeNixIdentifier "if";
    expected = "\"if\"";
  };
  t59 = {
    expr = showOption [ "a" "b c" "*" "<name>" "1" ];
    expected = "a.\"b c\".*.<name>.\"1\"";
  };
  t60 = {
    expr = toHexString 250;
    expected = "FA";
  };
  t61 = {
    expr = fromHexString "FF";
    expected = 255;
  };
  t62 = {
    expr = toBaseDigits 2 6;
    expected = [ 1 1 0 ];
  };
  t63 = {
    expr = mod 7 3;
    expected = 1;
  };
  t65 = {
    expr = ((makeExtensible (s: { a = 1; b = s.a; })).extend (f: p: { a = 2; })).b;
    expected = 2;
  };
  t66 = {
    expr = strings.sanitizeDerivationName "..a b/c";
    expected = "a-b-c";
  };
  t68 = {
    expr = stringToCharacters "abc";
    expected = [ "a" "b" "c" ];
  };
  t69 = {
    expr = escapeXML "<a>";
    expected = "&lt;a&gt;";
  };
  t70 = {
    expr = escapeRegex "a.b*";
    expected = "a\\.b\\*";
  };
  t71 = {
    expr = concatLines [ "a" "b" ];
    expected = "a\nb\n";
  };
  t72 = {
    expr = nameFromURL "https://x/y/bzip2-1.0.tar.gz" "-";
    expected = "bzip2";
  };
  t73 = {
    expr = getName "foo-1.2";
    expected = "foo";
  };
  t74 = {
    expr = versions.majorMinor "1.2.3";
    expected = "1.2";
  };
  t75 = {
    expr = versions.pad 3 "1";
    expected = "1.0.0";
  };
  t76 = {
    expr = toSentenceCase "hELLO";
    expected = "Hello";
  };
  t78 = {
    expr = strings.escapeURL "a b/c?";
    expected = "a%20b%2Fc%3F";
  };
  t79 = {
    expr = strings.replicate 3 "ab";
    expected = "ababab";
  };
  t80 = {
    expr = boolToString true;
    expected = "true";
  };
  t81 = {
    expr = concatMapAttrs (n: v: { ${n + v} = v; }) { a = "1"; b = "2"; };
    expected = { a1 = "1"; b2 = "2"; };
  };
  t82 = {
    expr = attrsToList { a = 1; };
    expected = [ { name = "a"; value = 1; } ];
  };
  t83 = {
    expr = mapAttrsToList (n: v: n) { a = 1; };
    expected = [ "a" ];
  };
  t84 = {
    expr = filterAttrsRecursive (n: v: v != null) { a = null; b.c = null; b.d = 1; };
    expected = { b = { d = 1; }; };
  };
  t85 = {
    expr = matchAttrs { a.b = 1; } { a = { b = 1; c = 2; }; };
    expected = true;
  };
  t86 = {
    expr = overrideExisting { a = 1; } { a = 2; b = 3; };
    expected = { a = 2; };
  };
  t87 = {
    expr = hasAttrByPath [ "a" "b" ] { a.b = 1; };
    expected = true;
  };
  t88 = {
    expr = setAttrByPath [ "a" "b" ] 1;
    expected = { a = { b = 1; }; };
  };
  t89 = {
    expr = groupBy (x: x) [ "a" "b" "a" ];
    expected = { a = [ "a" "a" ]; b = [ "b" ]; };
  };
  t90 = {
    expr = generators.toPlist { } { a = 1; b = [ true "x" ]; };
    expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple Computer//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n\t<key>a</key>\n\t<integer>1</integer>\n\t<key>b</key>\n\t<array>\n\t\t<true/>\n\t\t<string>x</string>\n\t</array>\n</dict>\n</plist>";
  };
  t91 = {
    expr = generators.toLua { } { a = 1; b = [ 1 ]; };
    expected = "{\n  [\"a\"] = 1,\n  [\"b\"] = {\n    1\n  }\n}";
  };
  t92 = {
    expr = generators.toGitINI { user.name = "x"; url."ssh://a.b".insteadOf = "c"; };
    expected = "[url \"ssh://a.b\"]\n\tinsteadOf = \"c\"\n\n[user]\n\tname = \"x\"\n";
  };
  t93 = {
    expr = strings.toShellVars { a = "x y"; b = [ "1" "2 3" ]; c = { d = "e"; }; };
    expected = "a='x y'\ndeclare -a b=(1 '2 3')\ndeclare -A c=([d]=e)";
  };
  t94 = {
    expr = strings.normalizePath "/a//b///c/";
    expected = "/a/b/c/";
  };
  t95 = {
    expr = strings.floatToString 0.1;
    expected = "0.100000";
  };
  t96 = {
    expr = isStorePath "/nix/store/d945ibfx9x185xf04b890y4f9g3cbb63-python-2.7.11";
    expected = true;
  };
  t97 = {
    expr = sortOn stringLength [ "aa" "b" "cccc" ];
    expected = [ "b" "aa" "cccc" ];
  };
  t98 = {
    expr = fold (a: b: a + b) 0 [ 1 2 ];
    expected = 3;
  };
  t99 = {
    expr = strings.toCamelCase "hello-world foo";
    expected = "helloWorldFoo";
  };
  u1 = {
    expr = strings.splitStringBy (p: c: builtins.elem c [ "." "-" ]) false "a.b-c";
    expected = [ "a" "b" "c" ];
  };
  u2 = {
    expr = allUnique [ 1 2 1 ];
    expected = false;
  };
  u3 = {
    expr = lists.takeEnd 2 [ 1 2 3 ];
    expected = [ 2 3 ];
  };
  u4 = {
    expr = lists.dropEnd 1 [ 1 2 ];
    expected = [ 1 ];
  };
  u5 = {
    expr = replaceString "a" "b" "cac";
    expected = "cbc";
  };
  u6 = {
    expr = mergeAttrsList [ { a = 1; } { b = 2; } { a = 3; } ];
    expected = { a = 3; b = 2; };
  };
  u7 = {
    expr = foldAttrs (i: acc: [ i ] ++ acc) [ ] [ { a = 2; } { a = 3; } ];
    expected = { a = [ 2 3 ]; };
  };
  u8 = {
    expr = functionArgs (setFunctionArgs (x: x) { a = true; });
    expected = { a = true; };
  };
  u9 = {
    expr = toFunction 1 2;
    expected = 1;
  };
  u10 = {
    expr = bitXor 5 3;
    expected = 6;
  };
  u11 = {
    expr = (evalModules { modules = [ { options.a = mkOption { default = 1; type = types.int; }; } ]; })._module.args ? name;
    expected = false;
  };
  u13 = {
    expr = attrsets.showAttrPath [ "a" "b c" ];
    expected = "a.\"b c\"";
  };
  u14 = {
    expr = lists.ifilter0 (i: v: i == 0 || v > 2) [ 1 2 3 ];
    expected = [ 1 3 ];
  };
  u15 = {
    expr = listDfs true hasPrefix [ "/home/user" "other" "/" "/home" ];
    expected = { minimal = "/"; rest = [ "/home" "other" ]; visited = [ "/home/user" ]; };
  };
  u16 = {
    expr = removeSuffix "x" "";
    expected = "";
  };
  u17 = {
    expr = concatImapStringsSep "-" (i: s: "${toString i}${s}") [ "a" "b" ];
    expected = "1a-2b";
  };
  u18 = {
    expr = lists.commonPrefix [ 1 ] [ ];
    expected = [ ];
  };
  u19 = {
    expr = strings.commonPrefixLength "abc" "abd";
    expected = 2;
  };
  u20 = {
    expr = strings.trimWith { start = true; } "  a ";
    expected = "a ";
  };
  u21 = {
    expr = cmakeBool "X" true;
    expected = "-DX:BOOL=TRUE";
  };
  u22 = {
    expr = enableFeature false "y";
    expected = "--disable-y";
  };
  u23 = {
    expr = strings.escapeC [ " " ] "a b";
    expected = "a\\x20b";
  };
  u24 = {
    expr = warnIf false "x" 1;
    expected = 1;
  };
  u25 = {
    expr = throwIfNot true "x" 1;
    expected = 1;
  };
  u26 = {
    expr = types.isType "a" { _type = "a"; };
    expected = true;
  };
  u27 = {
    expr = isFunction { __functor = s: x: x; };
    expected = true;
  };
  u28 = {
    expr = compareLists compare [ 1 2 ] [ 1 3 ];
    expected = (-1);
  };
  u29 = {
    expr = xor true false;
    expected = true;
  };
  u30 = {
    expr = intersperse 0 [ 1 2 3 ];
    expected = [ 1 0 2 0 3 ];
  };
  u31 = {
    expr = lists.replicate 2 1;
    expected = [ 1 1 ];
  };
  u32 = {
    expr = replicate 2 "x";
    expected = [ "x" "x" ];
  };
  u33 = {
    expr = defaultTo 1 null;
    expected = 1;
  };
  u34 = {
    expr = mapNullable (x: x + 1) null;
    expected = null;
  };
}
