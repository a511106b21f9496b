# What modules, options and types make of definitions: each test is { expr, expected }.
lib: with lib;
let
  fails = expr: {
    expr = (builtins.tryEval (builtins.deepSeq expr expr)).success;
    expected = false;
  };
in
let
  ev = modules: (evalModules { modules = if isList modules then modules else [ modules ]; }).config;
  opt = type: mkOption { inherit type; };
  one = type: defs: (ev ([ { options.x = opt type; } ] ++ map (d: { x = d; }) defs)).x;
in
{
  a1 = {
    expr = one types.int [ 1 ];
    expected = 1;
  };
  a2 = fails (one types.int [ 1 2 ]);
  a3 = {
    expr = one types.int [ 1 (mkForce 2) ];
    expected = 2;
  };
  a4 = {
    expr = one types.int [ (mkDefault 1) 2 ];
    expected = 2;
  };
  a5 = fails (one types.int [ "a" ]);
  a6 = {
    expr = one (types.listOf types.int) [ [ 1 2 ] [ 3 ] ];
    expected = [ 3 1 2 ];
  };
  a7 = {
    expr = one (types.listOf types.int) [ (mkAfter [ 1 2 ]) [ 3 ] (mkBefore [ 0 ]) [ 9 ] (mkOrder 10 [ 11 ]) ];
    expected = [ 11 0 9 3 1 2 ];
  };
  a8 = {
    expr = one (types.listOf types.int) [ [ (mkIf false 1) (mkIf true 2) (mkMerge [ 3 ]) (mkMerge [ ]) ] ];
    expected = [ 2 3 ];
  };
  a9 = {
    expr = one (types.attrsOf types.int) [ { a = 1; b = mkIf false 2; } { c = 3; } ];
    expected = { a = 1; c = 3; };
  };
  a10 = {
    expr = one (types.lazyAttrsOf types.int) [ { a = 1; } { c = 3; a = 1; } ];
    expected = { a = 1; c = 3; };
  };
  a11 = {
    expr = attrNames (one (types.lazyAttrsOf types.int) [ { a = 1; b = mkIf false 2; } ]);
    expected = [ "a" "b" ];
  };
  a12 = {
    expr = one (types.lazyAttrsOf (types.nullOr types.int)) [ { a = 1; b = mkIf false 2; } ];
    expected = { a = 1; b = null; };
  };
  a13 = {
    expr = one types.lines [ "a" "b" (mkBefore "c") ];
    expected = "c\nb\na";
  };
  a14 = {
    expr = one (types.nullOr types.int) [ null ];
    expected = null;
  };
  a15 = fails (one (types.nullOr types.int) [ null 1 ]);
  a16 = {
    expr = one (types.nullOr types.int) [ null null ];
    expected = null;
  };
  a17 = {
    expr = one (types.either types.int types.str) [ "x" ];
    expected = "x";
  };
  a18 = fails (one (types.either types.int types.str) [ "x" 1 ]);
  a19 = {
    expr = one (types.oneOf [ types.int types.str types.bool ]) [ true ];
    expected = true;
  };
  a20 = {
    expr = one (types.enum [ "a" "b" ]) [ "b" ];
    expected = "b";
  };
  a21 = fails (one (types.enum [ "a" "b" ]) [ "c" ]);
  a22 = {
    expr = one types.anything [ { a.b = 1; } { a.c = 2; l = [ 1 ]; } ];
    expected = { a = { b = 1; c = 2; }; l = [ 1 ]; };
  };
  a23 = fails (one types.anything [ { a.b = 1; } { a.b = 2; } ]);
  a24 = {
    expr = one types.anything [ { a.b = 1; } { a.b = mkForce 2; } ];
    expected = { a = { b = 2; }; };
  };
  a25 = {
    expr = (one types.anything [ (x: { a = x; }) (x: { b = x; }) ]) 3;
    expected = { a = 3; b = 3; };
  };
  a26 = {
    expr = one types.raw [ 1 ];
    expected = 1;
  };
  a27 = fails (one types.raw [ 1 1 ]);
  a28 = fails (one (types.uniq types.int) [ 1 1 ]);
  a29 = {
    expr = one (types.functionTo types.int) [ (x: x + 1) ] 3;
    expected = 4;
  };
  a30 = {
    expr = (one (types.functionTo (types.listOf types.int)) [ (x: [ x ]) (x: [ (x + 1) ]) ]) 3;
    expected = [ 4 3 ];
  };
  a31 = {
    expr = one (types.coercedTo types.int toString types.str) [ 1 ];
    expected = "1";
  };
  a32 = {
    expr = one (types.coercedTo types.int toString types.str) [ 1 "1" ];
    expected = "1";
  };
  a33 = {
    expr = one (types.strMatching "[a-z]+") [ "abc" ];
    expected = "abc";
  };
  a34 = fails (one (types.strMatching "[a-z]+") [ "abc1" ]);
  a35 = fails (one types.ints.u8 [ 256 ]);
  a36 = fails (one types.ints.positive [ 0 ]);
  a37 = {
    expr = one types.path [ "/a/b" ];
    expected = "/a/b";
  };
  a38 = fails (one types.path [ "a/b" ]);
  a39 = fails (one (types.nonEmptyListOf types.int) [ [ ] ]);
  a40 = fails (one (types.addCheck types.int (x: x > 4)) [ 3 ]);
  a41 = {
    expr = one types.attrs [ { a = 1; } { b = 2; a = 3; } ];
    expected = { a = 1; b = 2; };
  };
  a42 = {
    expr = one types.unspecified [ { a = 1; } { b = 2; a = 3; } ];
    expected = { a = 1; b = 2; };
  };
  a43 = {
    expr = one (types.attrsOf (types.listOf types.int)) [ { a = [ 1 ]; } { a = mkBefore [ 2 ]; } (mkIf true { b = [ 3 ]; }) (mkIf false { c = [ 3 ]; }) (mkMerge [ { d = [ ]; } ]) ];
    expected = { a = [ 2 1 ]; b = [ 3 ]; d = [ ]; };
  };
  a44 = {
    expr = one types.float [ 1.5 ];
    expected = 1.5;
  };
  a45 = {
    expr = one types.number [ 1 ];
    expected = 1;
  };
  a46 = {
    expr = one types.commas [ "a" "b" ];
    expected = "b,a";
  };
  a47 = {
    expr = one types.singleLineStr [ "a\n" ];
    expected = "a";
  };
  a48 = {
    expr = one types.bool [ (mkIf true (mkDefault true)) (mkIf true false) ];
    expected = false;
  };
  a49 = fails (one types.int [ ]);
  a50 = fails (one types.nonEmptyStr [ " " ]);
  s1 = {
    expr = one (types.submodule { options.a = opt types.int; options.b = mkOption { default = 3; }; }) [ { a = 1; } ];
    expected = { a = 1; b = 3; };
  };
  s2 = {
    expr = one (types.submodule ({ config, name, ... }: { options.a = opt types.int; options.b = mkOption { default = config.a + 1; }; options.n = mkOption { default = name; }; })) [ { a = 1; } ];
    expected = { a = 1; b = 2; n = "x"; };
  };
  s3 = {
    expr = one (types.attrsOf (types.submodule ({ config, name, ... }: { options.a = opt types.int; options.n = mkOption { default = name; }; }))) [ { x.a = 1; y = { config, ... }: { a = 2; }; } { z = { a = mkDefault 3; }; } { z.a = 9; } ];
    expected = { x = { a = 1; n = "x"; }; y = { a = 2; n = "y"; }; z = { a = 9; n = "z"; }; };
  };
  s4 = {
    expr = one (types.submoduleWith { modules = [ { options.a = opt types.int; } ]; }) [ { imports = [ { options.c = mkOption { default = 4; }; } ]; a = 1; } ];
    expected = { a = 1; c = 4; };
  };
  s5 = fails (one (types.submodule { options.a = opt types.int; }) [ { a = 1; zz = 1; } ]);
  s6 = {
    expr = one (types.submodule { freeformType = types.attrsOf types.int; options.a = opt types.int; }) [ { a = 1; zz = 1; } ];
    expected = { a = 1; zz = 1; };
  };
  s7 = fails (one (types.submodule { freeformType = types.attrsOf types.int; options.a = opt types.int; }) [ { a = 1; zz = "x"; } ]);
  s8 = {
    expr = one (types.submodule { freeformType = types.attrsOf types.anything; options.a.b = opt types.int; }) [ { a.b = 1; a.d = 2; e.f = 3; } ];
    expected = { a = { b = 1; d = 2; }; e = { f = 3; }; };
  };
  s9 = {
    expr = one (types.listOf (types.submodule { options.a = mkOption { default = 7; }; })) [ [ { } { a = 1; } ] ];
    expected = [ { a = 7; } { a = 1; } ];
  };
  s10 = fails (one (types.submodule ({ foo, ... }: { options.a = mkOption { default = foo; }; _module.args.foo = 5; })) [ { } ]);
  s11 = {
    expr = one (types.submoduleWith { modules = [ ({ foo, ... }: { options.a = mkOption { default = foo; }; }) ]; specialArgs.foo = 6; }) [ { } ];
    expected = { a = 6; };
  };
  s12 = {
    expr = one (types.submodule { options.a = opt types.int; }) [ { a = 1; } (mkIf true { a = mkForce 2; }) ];
    expected = { a = 2; };
  };
  s13 = {
    expr = one (types.nullOr (types.submodule { options.a = mkOption { default = 1; }; })) [ { } ];
    expected = { a = 1; };
  };
  s14 = {
    expr = one (types.submoduleWith { shorthandOnlyDefinesConfig = true; modules = [ { options.config = mkOption { default = 1; }; options.imports = mkOption { default = [ ]; }; } ]; }) [ { config = 4; imports = [ 5 ]; } ];
    expected = { config = 4; imports = [ 5 ]; };
  };
  s15 = {
    expr = one (types.attrsOf (types.submodule { options.l = mkOption { type = types.listOf types.int; default = [ ]; }; config.l = [ 1 ]; })) [ { a.l = [ 2 ]; } { a.l = [ 3 ]; } ];
    expected = { a = { l = [ 1 2 3 ]; }; };
  };
  s16 = {
    expr = (ev [ { options.x = mkOption { type = types.submodule { options.a = mkOption { default = 1; }; }; default = { }; }; } { options.x = mkOption { type = types.submodule { options.b = mkOption { default = 2; }; }; }; } ]).x;
    expected = { a = 1; b = 2; };
  };
  s17 = {
    expr = (ev [ { options.x = mkOption { type = types.submodule { options.a = mkOption { default = 1; }; }; default = { }; }; } { options.x.b = mkOption { default = 2; }; } ]).x;
    expected = { a = 1; b = 2; };
  };
  e1 = {
    expr = ev [ { options.a.b = mkOption { default = 1; }; options.a.c = mkOption { type = types.int; }; config.a.c = 4; } ];
    expected = { a = { b = 1; c = 4; }; };
  };
  e2 = fails (ev [ { options.a = mkOption { default = 1; }; } { b = 1; } ]);
  e3 = {
    expr = ev [ { options.a = mkOption { default = 1; }; config._module.check = false; } { b = 1; } ];
    expected = { a = 1; };
  };
  e4 = {
    expr = ev [ { options.a = mkOption { default = 1; }; } ({ config, ... }: { a = mkIf (config.c or true) 2; }) ];
    expected = { a = 2; };
  };
  e5 = {
    expr = ev [ { options.a = mkOption { type = types.listOf types.str; }; } { imports = [ { a = [ "i1" ]; imports = [ { a = [ "i1i" ]; } ]; } { a = [ "i2" ]; } ]; a = [ "m" ]; } { a = [ "n" ]; } ];
    expected = { a = [ "i1i" "i2" "i1" "n" "m" ]; };
  };
  e6 = {
    expr = ev [ { options.a = mkOption { type = types.listOf types.str; }; } { imports = [ { key = "k"; a = [ "k" ]; } ]; } { imports = [ { key = "k"; a = [ "k" ]; } ]; a = [ "n" ]; } ];
    expected = { a = [ "k" "n" ]; };
  };
  e7 = {
    expr = ev [ { options.a = mkOption { type = types.listOf types.str; }; } { imports = [ { key = "k"; a = [ "k" ]; } ]; } { disabledModules = [ { key = "k"; } ]; a = [ "n" ]; } ];
    expected = { a = [ "n" ]; };
  };
  e8 = {
    expr = (evalModules { specialArgs.z = 4; modules = [ ({ z, ... }: { options.a = mkOption { default = z; }; }) ]; }).config;
    expected = { a = 4; };
  };
  e9 = {
    expr = (evalModules { prefix = [ "pre" ]; modules = [ ({ options, ... }: { options.a = mkOption { default = 1; }; options.loc = mkOption { default = options.a.loc; }; }) ]; }).config;
    expected = { a = 1; loc = [ "pre" "a" ]; };
  };
  e10 = {
    expr = ev [ { options.a = mkOption { type = types.int; apply = x: x + 1; default = 1; }; } ];
    expected = { a = 2; };
  };
  e11 = fails (ev [ { options.a = mkOption { type = types.int; apply = x: x + 1; default = 1; }; a = 5; } ]);
  e12 = {
    expr = ev [ { options.a = mkOption { type = types.int; apply = x: x + 1; default = 1; }; config.a = 5; } ];
    expected = { a = 6; };
  };
  e13 = {
    expr = ev [ { options.a = mkOption { type = types.int; readOnly = true; }; config.a = 5; } ];
    expected = { a = 5; };
  };
  e14 = fails (ev [ { options.a = mkOption { type = types.int; readOnly = true; default = 5; }; config.a = 5; } ]);
  e15 = {
    expr = ev [ { options.a = mkOption { type = types.int; }; } { options.a = mkOption { default = 4; }; } ];
    expected = { a = 4; };
  };
  e16 = fails (ev [ { options.a = mkOption { type = types.int; }; } { options.a = mkOption { type = types.str; default = 4; }; } ]);
  e17 = {
    expr = ev [ { options.a = mkOption { type = types.enum [ 1 ]; }; } { options.a = mkOption { type = types.enum [ 2 ]; default = 2; }; } ];
    expected = { a = 2; };
  };
  e18 = {
    expr = (evalModules { modules = [ { options.a = mkOption { default = 1; }; } { a = 3; } ]; }).options.a.definitions;
    expected = [ 3 ];
  };
  e19 = {
    expr = (o: { inherit (o) isDefined highestPrio value loc; d = map (d: d.value) o.definitionsWithLocations; }) (evalModules { modules = [ { options.a = mkOption { type = types.int; default = 1; }; } { a = mkDefault 3; } ]; }).options.a;
    expected = { d = [ 3 ]; highestPrio = 1000; isDefined = true; loc = [ "a" ]; value = 3; };
  };
  e20 = {
    expr = (evalModules { modules = [ { options.a = mkOption { type = types.int; default = 1; }; } ]; }).options.a.highestPrio;
    expected = 1500;
  };
  e21 = {
    expr = ((evalModules { modules = [ { options.a = mkOption { type = types.int; default = 1; }; } ]; }).extendModules { modules = [ { a = 3; } ]; }).config;
    expected = { a = 3; };
  };
  e22 = {
    expr = ev [ { options.a = mkOption { type = types.int; }; } (mkIf true { a = 1; }) ];
    expected = { a = 1; };
  };
  e25 = {
    expr = ev [ { freeformType = types.attrsOf types.int; } { a = 1; b = 2; } ];
    expected = { a = 1; b = 2; };
  };
  e26 = {
    expr = ev [ { options.a = mkOption { type = types.int; }; config = mkMerge [ { a = 1; } (mkIf false { a = 2; }) ]; } ];
    expected = { a = 1; };
  };
  e27 = {
    expr = ev [ { options.a.b = mkOption { type = types.int; }; } { a = mkIf true (mkForce { b = 3; }); } { a.b = 1; } ];
    expected = { a = { b = 3; }; };
  };
  e28 = fails (ev [ { options.a = mkOption { type = types.int; }; foo = 1; } ]);
  e29 = fails (ev [ { options.a = 1; } ]);
  e32 = {
    expr = ev [ { _class = "x"; options.a = mkOption { default = 1; }; } ];
    expected = { a = 1; };
  };
  e33 = fails ((evalModules { class = "y"; modules = [ { _class = "x"; options.a = mkOption { default = 1; }; } ]; }).config);
  e34 = {
    expr = (evalModules { class = "y"; modules = [ { _class = "y"; options.a = mkOption { default = 1; }; } ]; }).config;
    expected = { a = 1; };
  };
  e35 = {
    expr = ev [ { options.a = mkOption { type = types.attrsOf (types.attrsOf types.int); default = { }; }; } { a.b.c = 1; } { a = mkForce { x.y = 1; }; } ];
    expected = { a = { x = { y = 1; }; }; };
  };
  e36 = {
    expr = ev [ { options.a = mkOption { type = types.bool; default = false; }; options.b = mkEnableOption "b"; } { b = true; } ];
    expected = { a = false; b = true; };
  };
  e37 = {
    expr = ev [ { options.x = mkOption { type = types.listOf types.str; }; config.x = mkMerge [ [ "a" ] (mkAfter [ "z" ]) (mkBefore [ "0" ]) ]; } ];
    expected = { x = [ "0" "a" "z" ]; };
  };
  e38 = {
    expr = ev [ { options.x = mkOption { type = types.attrsOf types.raw; }; config.x = { a = mkDefault 1; }; } { x.a = 2; } ];
    expected = { x = { a = 2; }; };
  };
  e39 = {
    expr = ev [ { options.x = mkOption { type = types.attrsWith { elemType = types.int; lazy = true; }; }; config.x = { a = 1; }; } ];
    expected = { x = { a = 1; }; };
  };
  e40 = {
    expr = ev [ { options.x = mkOption { type = types.submodule { }; }; config.x = { }; } ];
    expected = { x = { }; };
  };
  e41 = {
    expr = ev [ { options.a = mkOption { type = types.int; }; options.b = mkOption { type = types.int; }; } ({ options, ... }: { a = 3; b = mkAliasDefinitions options.a; }) ];
    expected = { a = 3; b = 3; };
  };
  e42 = fails ((evalModules { modules = [ { options.x = opt (types.attrsOf (types.submodule { options.a = opt types.int; })); } { x.b = { a = "s"; }; } ]; }).config);
  e43 = {
    expr = (types.attrsOf types.int).description;
    expected = "attribute set of signed integer";
  };
  e44 = {
    expr = map (t: t.description) [ types.int types.str (types.listOf types.str) (types.nullOr types.int) (types.either types.int (types.listOf types.str)) (types.attrsOf (types.either types.int types.str)) (types.enum [ "a" 1 ]) types.path (types.oneOf [ types.int types.str types.bool ]) types.lines (types.lazyAttrsOf types.raw) types.ints.u8 types.ints.positive (types.nullOr (types.either types.int types.str)) (types.functionTo types.str) (types.submodule { }) (types.listOf (types.nullOr types.str)) (types.coercedTo types.int toString types.str) types.port types.package types.anything types.attrs types.float types.bool (types.ints.between 1 3) types.deferredModule (types.uniq types.str) types.nonEmptyStr types.commas (types.submodule { freeformType = types.attrsOf types.str; }) (types.enum [ ]) (types.enum [ 1 ]) types.number types.unspecified types.raw types.optionType types.singleLineStr (types.nonEmptyListOf types.str) (types.listOf (types.attrsOf types.str)) ];
    expected = [ "signed integer" "string" "list of string" "null or signed integer" "signed integer or list of string" "attribute set of (signed integer or string)" "one of \"a\", 1" "absolute path" "signed integer or string or boolean" "strings concatenated with \"\\n\"" "lazy attribute set of raw value" "8 bit unsigned integer; between 0 and 255 (both inclusive)" "positive integer, meaning >0" "null or signed integer or string" "function that evaluates to a(n) string" "submodule" "list of (null or string)" "string or signed integer convertible to it" "16 bit unsigned integer; between 0 and 65535 (both inclusive)" "package" "anything" "attribute set" "floating point number" "boolean" "integer between 1 and 3 (both inclusive)" "module" "string" "non-empty string" "strings concatenated with \",\"" "open submodule of attribute set of string" "impossible (empty enum)" "value 1 (singular enum)" "signed integer or floating point number" "unspecified value" "raw value" "optionType" "(optionally newline-terminated) single-line string" "non-empty (list of string)" "list of attribute set of string" ];
  };
  e46 = {
    expr = ev [ { options.x = opt (types.attrTag { a = opt types.int; b = opt types.str; }); } { x.a = 3; } ];
    expected = { x = { a = 3; }; };
  };
  e47 = fails (ev [ { options.x = opt types.int; options.y.z = opt types.int; } { y = 4; } ]);
  e48 = {
    expr = ev [ { options.x = opt (types.listOf (types.attrsOf types.int)); } { x = [ { a = 1; } ]; } { x = mkForce [ { b = mkDefault 1; } ]; } ];
    expected = { x = [ { b = 1; } ]; };
  };
  e49 = {
    expr = ev [ { options.x = opt types.str; meta.foo = 1; options.meta.foo = opt types.int; config.x = "a"; } ];
    expected = { meta = { foo = 1; }; x = "a"; };
  };
  e50 = {
    expr = (evalModules { modules = [ { options.x = opt (types.submoduleWith { modules = [ ({ name, lib, options, ... }: { options.a = mkOption { default = [ name (options.a.loc) ]; }; }) ]; }); } { x = { }; } ]; }).config;
    expected = { x = { a = [ "x" [ "x" "a" ] ]; }; };
  };
  e51 = {
    expr = ev [ { options.x = mkOption { default = 1; type = types.int; }; options.y = mkOption { default = { }; type = types.submodule { options.q = mkOption { default = 3; }; }; }; } ];
    expected = { x = 1; y = { q = 3; }; };
  };
  e52 = fails (ev [ { options.x = opt types.int; config = { x = mkMerge [ ]; }; } ]);
  e53 = {
    expr = (evalModules { modules = [ { options.x = opt types.int; } { x = mkVMOverride 3; } { x = mkForce 4; } { x = mkOverride 5 7; } ]; }).config;
    expected = { x = 7; };
  };
  e54 = {
    expr = ev [ { options.f = opt types.attrs; } { f = { a = mkIf true 1; }; } ];
    expected = { f = { a = { _type = "if"; condition = true; content = 1; }; }; };
  };
  e55 = {
    expr = ev [ { options.f = mkOption { }; } { f = [ 1 ]; } { f = [ 2 ]; } ];
    expected = { f = [ 2 1 ]; };
  };
  e56 = {
    expr = (evalModules { modules = [ { options.x = opt types.int; } { x = 1; } ]; }).options.x.files;
    expected = [ "<unknown-file>" ];
  };
  # What loses is not evaluated.
  o1 = {
    expr = one types.int [ (mkDefault (throw "x")) 2 ];
    expected = 2;
  };
  o2 = {
    expr = one (types.listOf types.int) [ (mkOrder 1 (throw "x")) (mkForce [ 2 ]) ];
    expected = [ 2 ];
  };
  # Properties may be inside others.
  o3 = {
    expr = one types.int [ (mkForce (mkIf false 1)) 2 ];
    expected = 2;
  };
  o4 = {
    expr = one types.int [ (mkForce (mkIf true 1)) 2 ];
    expected = 1;
  };
  o5 = {
    expr = one (types.listOf types.int) [ (mkBefore [ 1 ]) (mkForce [ 2 ]) (mkForce (mkAfter [ 3 ])) (mkForce (mkBefore [ 4 ])) ];
    expected = [ 4 2 3 ];
  };
  o6 = {
    expr = one (types.listOf types.int) [ (mkAfter (mkMerge [ [ 1 ] [ 2 ] ])) [ 3 ] ];
    expected = [ 3 1 2 ];
  };
}
