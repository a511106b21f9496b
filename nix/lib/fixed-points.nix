# Sets and functions defined in terms of themselves.
{ lib }:
rec {
  fix =
    f:
    let
      x = f x;
    in
    x;
  fix' =
    f:
    let
      x = f x // { __unfix__ = f; };
    in
    x;
  converge =
    f: x:
    let
      x' = f x;
    in
    if x' == x then x else converge f x';
  extends =
    overlay: f: final:
    let
      prev = f final;
    in
    prev // overlay final prev;
  composeExtensions =
    f: g: final: prev:
    let
      applied = f final prev;
      prev' = prev // applied;
    in
    applied // g final prev';
  composeManyExtensions = lib.foldr composeExtensions (_: _: { });
  makeExtensible = makeExtensibleWithCustomName "extend";
  makeExtensibleWithCustomName =
    name: f:
    fix' (
      self:
      f self
      // {
        ${name} = overlay: makeExtensibleWithCustomName name (extends overlay f);
      }
    );
  toExtension =
    f:
    if lib.isFunction f then
      final: prev:
      let
        result = f prev;
      in
      if lib.isFunction result then f final prev else result
    else
      _: _: f;
}
