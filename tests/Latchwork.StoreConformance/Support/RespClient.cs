using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Latchwork.StoreConformance.Support;

/// <summary>
/// Sends commands to a Redis server on a connection of their own and reads the replies (RESP2). It shares nothing with the code under test, shows replies
/// as <c>redis-cli</c> prints them into a pipe, and costs a small part of such a process: tests ask servers many thousand times.
/// </summary>
internal static class RespClient
{
    /// <summary>Sends commands, one after the other.</summary>
    /// <param name="server">The server.</param>
    /// <param name="commands">The commands.</param>
    /// <returns>The reply to the last: an element a line, an empty line for null; an error as its text. If there is no reply, why.</returns>
    public static async Task<string> SendAsync(EndPoint server, params string[][] commands)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, server is UnixDomainSocketEndPoint ? ProtocolType.Unspecified : ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(server);
            var request = new MemoryStream();
            foreach (string[] command in commands) Write(request, command);
            await using var stream = new NetworkStream(socket);
            await stream.WriteAsync(request.GetBuffer().AsMemory(0, (int)request.Length));
            var reader = new Reader(stream);
            string reply = "";
            for (int i = 0; i < commands.Length; i++) reply = await reader.ReadAsync();
            return reply.TrimEnd('\n');
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return $"There is no reply: {e.Message}";
        }
    }

    private static void Write(MemoryStream request, string[] command)
    {
        request.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"*{command.Length}\r\n")));
        foreach (string word in command)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(word);
            request.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"${bytes.Length}\r\n")));
            request.Write(bytes);
            request.Write("\r\n"u8);
        }
    }

    private sealed class Reader(Stream stream)
    {
        private readonly byte[] _buffer = new byte[16 << 10];
        private int _from, _to;

        public async Task<string> ReadAsync()
        {
            string line = await ReadLineAsync();
            switch (line[0])
            {
                case '$':
                    int length = Number(line);
                    return length < 0 ? "" : await ReadBulkAsync(length);
                case '*':
                    var elements = new string[Math.Max(0, Number(line))];
                    for (int i = 0; i < elements.Length; i++) elements[i] = await ReadAsync();
                    return string.Join('\n', elements);
                default:
                    return line[1..]; // a status, an error, a number
            }
        }

        private static int Number(string line) => int.Parse(line.AsSpan(1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

        private async Task<string> ReadLineAsync()
        {
            var line = new MemoryStream();
            while (true)
            {
                if (_from == _to) await FillAsync();
                byte next = _buffer[_from++];
                if (next == (byte)'\n') return Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length - 1);
                line.WriteByte(next);
            }
        }

        private async Task<string> ReadBulkAsync(int length)
        {
            byte[] bulk = new byte[length + 2]; // its line end included
            for (int have = 0; have < bulk.Length;)
            {
                if (_from == _to) await FillAsync();
                int count = Math.Min(_to - _from, bulk.Length - have);
                _buffer.AsSpan(_from, count).CopyTo(bulk.AsSpan(have));
                _from += count;
                have += count;
            }

            return Encoding.UTF8.GetString(bulk, 0, length);
        }

        private async Task FillAsync()
        {
            _from = 0;
            _to = await stream.ReadAsync(_buffer);
            if (_to == 0) throw new IOException("The server closed the connection.");
        }
    }
}
