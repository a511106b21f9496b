{
  members.a = {
    resourceType = "t";
    provider.executable = "exe";
    inputs = {
      x = 1;

      tags = {
        Name = "n";
      };
      rules = [
        { port = 1; }
        {
          port = 2;
        }
      ];
    };
  };
}
