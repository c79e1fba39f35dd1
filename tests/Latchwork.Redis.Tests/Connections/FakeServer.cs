using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>A server that says what a test wants, on threads of its own. Its first reply can be anything; by default it greets like Redis.</summary>
internal sealed class FakeServer : IDisposable
{
    public const string Greeting = "%4\r\n+server\r\n+redis\r\n+version\r\n+7.2.0\r\n+proto\r\n:3\r\n+role\r\n+master\r\n+OK\r\n+PONG\r\n";
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Action<Talk> _behaviour;
    private int _connections;

    public FakeServer(Action<Talk> behaviour)
    {
        _behaviour = behaviour;
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public string Uri => $"redis://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>The same with such long times that no machine that stalls makes a command or a connection fail.</summary>
    public string PatientUri => Uri + "?commandTimeout=2m&connectTimeout=2m";

    public int Connections => Volatile.Read(ref _connections);

    public void Dispose() => _listener.Stop();

    private void Accept()
    {
        try
        {
            while (true)
            {
                Socket socket = _listener.AcceptSocket();
                int number = Interlocked.Increment(ref _connections);
                new Thread(() => Serve(socket, number)) { IsBackground = true }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // The test is over.
        }
    }

    private void Serve(Socket socket, int number)
    {
        using (socket)
        {
            try
            {
                using var talk = new Talk(socket, number);
                _behaviour(talk);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // The client went away.
            }
        }
    }

    /// <summary>One connection, seen from the server.</summary>
    internal sealed class Talk(Socket socket, int number) : IDisposable
    {
        private readonly StreamReader _input = new(new NetworkStream(socket), Encoding.Latin1);

        /// <summary>1 for the first connection.</summary>
        public int Number { get; } = number;

        /// <summary>Reads the greeting of three commands, and answers as Redis does.</summary>
        public void Greet(string greeting = Greeting)
        {
            Read();
            Read();
            Read();
            Say(greeting);
        }

        /// <summary>Reads one command.</summary>
        public string[] Read()
        {
            string? header = _input.ReadLine();
            if (header is null) throw new IOException("closed");
            string[] words = new string[int.Parse(header.AsSpan(1))];
            for (int i = 0; i < words.Length; i++)
            {
                char[] word = new char[int.Parse(_input.ReadLine().AsSpan(1))];
                _input.ReadBlock(word);
                _input.ReadLine();
                words[i] = new string(word);
            }

            return words;
        }

        public void Say(string text) => socket.Send(Encoding.UTF8.GetBytes(text));

        public void Dispose() => _input.Dispose();

        /// <summary>Waits until the client closes.</summary>
        public void WaitForEnd() => _input.ReadToEnd();
    }
}
