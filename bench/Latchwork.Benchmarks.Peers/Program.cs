using Latchwork.Benchmarks.Contenders;

return await ContenderHost.RunAsync(args[0], args[1]);
