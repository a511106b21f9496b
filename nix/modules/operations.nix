# The type of the option `operations.<name>` of a component: an action with its inputs, or several of them in order.
{ lib, openInputs }:
let
  inherit (builtins)
    isAttrs
    isFunction
    isPath
    map
    ;
  inherit (lib) mkOption types;
  inherit (import ./locate.nix { inherit lib; }) locate places;

  actionType = lib.mkOptionType {
    name = "actionType";
    description = "type of actions, such as providers.aws.actions.aws_lambda_invoke";
    descriptionClass = "noun";
    check = x: isAttrs x && x ? _type && x._type == "nixops4ActionType";
    merge = lib.mergeOneOption;
    isPlain = true;
  };

  # What the evaluator process reads of one action.
  exportAction = self: {
    inherit (self.config.type) instance actionType;
    inherit (self.config) inputs;
    locate = locate "inputs" (self.get "inputs");
    typePlaces = places "type" (self.get "type");
  };

  action = {
    type = mkOption {
      type = types.nullOr actionType;
      default = null;
      description = "Which action, such as `providers.aws.actions.aws_lambda_invoke`.";
    };
    inputs = mkOption {
      type = openInputs;
      default = { };
      description = "What the action is told. May use outputs of resources that exist.";
    };
  };

  # A type of option whose definitions are modules.
  typeOf =
    description: module:
    let
      prepared = lib.modules.prepare {
        class = "nixops4Operation";
        modules = [ module ];
      };
    in
    lib.mkOptionType {
      name = "nixops4Operation";
      inherit description;
      descriptionClass = "noun";
      check = x: isAttrs x || isFunction x || isPath x;
      merge =
        loc: defs:
        (lib.modules.instantiate prepared {
          prefix = loc;
          extra = map (d: {
            inherit (d) file;
            module = d.value;
          }) defs;
          args.name = lib.last loc;
        }).config;
      emptyValue.value = { };
      getSubOptions = prefix: (lib.modules.instantiate prepared { inherit prefix; }).options;
    };

  step = typeOf "step of an operation" {
    _file = "<nixops4/modules/operations.nix>";
    _class = "nixops4Operation";
    options = action // {
      _step = mkOption {
        internal = true;
        visible = false;
        readOnly = true;
        instanceDefault =
          self:
          if self.config.type == null then
            throw "A step of the operation `${lib.showOption self.prefix}' has no `type'. Set it to an action, such as `providers.aws.actions.aws_lambda_invoke'."
          else
            exportAction self;
      };
    };
  };
in
typeOf "operation" {
  _file = "<nixops4/modules/operations.nix>";
  _class = "nixops4Operation";
  options = action // {
    description = mkOption {
      type = types.str;
      default = "";
      description = "What the operation does, for people.";
    };
    steps = mkOption {
      type = types.listOf step;
      default = [ ];
      description = "Several actions, done one after the other, in place of `type` and `inputs`.";
    };
    _operation = mkOption {
      internal = true;
      visible = false;
      readOnly = true;
      instanceDefault =
        self:
        let
          inherit (self.config) type steps;
          name = "The operation `${lib.showOption self.prefix}'";
        in
        {
          inherit (self.config) description;
          steps =
            if type != null && steps != [ ] then
              throw "${name} has a `type' and `steps'. Make the action of that type one of the steps."
            else if type != null then
              [ (exportAction self) ]
            else if steps == [ ] then
              throw "${name} has neither `type' nor `steps'. Set `type' to an action, such as `providers.aws.actions.aws_lambda_invoke'."
            else
              map (s: s._step) steps;
        };
    };
  };
}
