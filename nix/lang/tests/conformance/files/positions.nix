let p = s: map (n: let q = builtins.unsafeGetAttrPos n s; in if q == null then null else "${toString q.line}:${toString q.column}") (builtins.attrNames s);
 a = { x = 1; y = 2; };
 n = "dyn";
in {
 mapAttrs = p (builtins.mapAttrs (n: v: v) a);
 update = p (a // { z = 1; });
 remove = p (removeAttrs a [ "x" ]);
 inter = p (builtins.intersectAttrs { x = 1; } a);
 lta = p (builtins.listToAttrs [ { name = "q"; value = 1; } ]);
 fa = p (builtins.functionArgs ({ u, w ? 1 }: 1));
 zip = p (builtins.zipAttrsWith (n: v: v) [ a ]);
 inh = p (let m = 1; in { inherit m; inherit (a) x; });
 dyn = p { ${n} = 1; "str" = 2; };
 nested = p { k.l = 1; };
 nested2 = p { k.l = 1; }.k;
 rec' = p (rec { r = 1; });
 letr = p (let { body = { b = 1; }; });
 args = p ((x: x) { arg = 1; });
 json = p (builtins.fromJSON "{\"j\":1}");
 grp = p (builtins.groupBy (x: x) ["g"]);
 at = p (({ a1 ? 3, ... }@as: as) { a2 = 1; });
 drv = p { inherit (derivation { name = "n"; system = "s"; builder = "b"; }) name; };
 part = p (builtins.partition (x: true) [ ]);
 try = p (builtins.tryEval 1);
}
