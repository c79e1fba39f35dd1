namespace Latchwork;

/// <summary>A locker of one namespace on a store: see <see cref="IProcessLocker"/>. One a process and namespace is enough; it is safe for use by many threads.</summary>
public sealed class ProcessLocker
{
}
