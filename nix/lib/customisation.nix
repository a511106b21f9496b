# Functions whose results can be called again with other arguments.
{ lib }:
rec {
  makeOverridable =
    f:
    lib.mirrorFunctionArgs f (
      args:
      let
        result = f args;
        with' = new: args // (if lib.isFunction new then new args else new);
        override = lib.mirrorFunctionArgs f (new: makeOverridable f (with' new));
        mapResult = g: makeOverridable (lib.mirrorFunctionArgs f (args: g (f args))) args;
      in
      if builtins.isAttrs result then
        result
        // {
          inherit override;
          overrideDerivation = g: mapResult (x: overrideDerivation x g);
        }
        // (
          if result ? overrideAttrs then
            { overrideAttrs = g: mapResult (x: x.overrideAttrs g); }
          else
            { }
        )
      else if lib.isFunction result then
        lib.setFunctionArgs result (lib.functionArgs result) // { inherit override; }
      else
        result
    );
  overrideDerivation =
    drv: f:
    let
      new = (drv.drvAttrs or drv) // f drv;
    in
    derivation (new // { __ignoreNulls = true; });
  callPackageWith =
    auto: f: args:
    let
      f' = if lib.isFunction f then f else import f;
      wanted = lib.functionArgs f';
      given = builtins.intersectAttrs wanted auto // args;
      missing = builtins.filter (n: !wanted.${n} && !(given ? ${n})) (builtins.attrNames wanted);
    in
    if missing == [ ] then
      makeOverridable f' given
    else
      throw "callPackageWith: nothing provides the argument${if builtins.length missing == 1 then "" else "s"} ${lib.concatMapStringsSep ", " (n: "`${n}'") missing}";
  callPackagesWith =
    auto: f: args:
    let
      result = callPackageWith auto f args;
    in
    builtins.mapAttrs (_: v: v) (removeAttrs result [
      "override"
      "overrideDerivation"
    ]);
  hydraJob = drv: drv;
  makeScope =
    newScope: f:
    let
      self = f self // {
        newScope = scope: newScope (self // scope);
        callPackage = self.newScope { };
        overrideScope = g: makeScope newScope (lib.extends g f);
        packages = f;
      };
    in
    self;
}
