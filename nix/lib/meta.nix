# Metadata of packages.
{ lib }:
rec {
  addMetaAttrs = new: drv: drv // { meta = drv.meta or { } // new; };
  setName = name: drv: drv // { inherit name; };
  updateName = f: drv: drv // { name = f drv.name; };
  setPrio = priority: addMetaAttrs { inherit priority; };
  lowPrio = setPrio 10;
  hiPrio = setPrio (-10);
  getExe =
    x:
    getExe' x (
      x.meta.mainProgram or (lib.getName x)
    );
  getExe' =
    x: name:
    if builtins.match ".*/.*" name != null then
      throw "lib.meta.getExe': the second argument must be the name of a program, not a path: ${name}"
    else
      "${lib.getBin x}/bin/${name}";
}
