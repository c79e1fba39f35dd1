namespace Latchwork.Redis.Connections.Cluster;

/// <content>The members to which there is a connection: made when they own slots or another one names them, dropped when a map says that they own none.</content>
internal sealed partial class ClusterConnection
{
    // A member that another one has named, known or not.
    private ClusterNode? NodeAt(RedisEndpoint endpoint)
    {
        lock (_gate)
        {
            if (_closing)
                return null;
            ClusterNode node = GetOrAdd(endpoint);
            node.OnNamed();
            return node;
        }
    }

    private ClusterNode GetOrAdd(RedisEndpoint endpoint)
    {
        if (!_nodes.TryGetValue(endpoint, out ClusterNode? node))
            _nodes[endpoint] = node = new ClusterNode(this, endpoint, _options);
        return node;
    }

    // On the thread of the watch.
    private void OnMap(ClusterMap map)
    {
        var dropped = new List<ClusterNode>();
        bool isNew;
        lock (_gate)
        {
            if (_closing)
                return;
            var primaries = new List<ClusterNode>();
            foreach (RedisEndpoint endpoint in map.Primaries)
                primaries.Add(GetOrAdd(endpoint));

            ClusterNode?[] routes = RoutesOf(map);
            isNew = !routes.AsSpan().SequenceEqual(_routes);
            (_routes, _primaries) = (routes, [.. primaries]);
            _nextMap?.TrySetResult();
            _nextMap = null;

            long now = Environment.TickCount64;
            foreach (ClusterNode node in _nodes.Values.Except(primaries).ToArray())
            {
                // One that is to get its first slot is named in answers, and in no map yet. One that was named just now may be a primary of which
                // the member that was asked has not heard yet.
                double named = now - node.NamedAt;
                if (named < _keepNewPrimary.TotalMilliseconds || (named < _keepNamed.TotalMilliseconds && !map.Members.Contains(node.Endpoint)))
                    continue;
                _nodes.Remove(node.Endpoint);
                dropped.Add(node);
            }
        }

        if (isNew)
            RedisLog.Primaries(_logger, Description, string.Join(", ", map.Primaries));
        foreach (ClusterNode node in dropped)
            Drop(node);
        MoveSubscriptions();
    }

    private ClusterNode?[] RoutesOf(ClusterMap map)
    {
        var routes = new ClusterNode?[HashSlot.Count];
        RedisEndpoint? owner = null;
        ClusterNode? node = null;
        for (int slot = 0; slot < routes.Length; slot++)
        {
            if (!ReferenceEquals(map.OwnerOf(slot), owner))
            {
                owner = map.OwnerOf(slot);
                node = owner is null ? null : _nodes[owner];
            }

            routes[slot] = node;
        }

        return routes;
    }

    private void Drop(ClusterNode node)
    {
        string reason = $"{node.Endpoint} owns no slots any more";
        TakeUnsent(node.Connection.BeginClose(reason, isReplaced: true), reason);
        lock (_gate)
        {
            _reconnectsOfEnded += node.Connection.Reconnects;
            _ending.RemoveAll(task => task.IsCompleted);
            _ending.Add(node.Connection.DisposeAsync().AsTask());
        }
    }
}
