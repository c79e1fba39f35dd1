using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchwork.Hosting;

/// <summary>What handles an event: it is given the services of the delivery's scope.</summary>
internal delegate Task EventHandling<in TEvent>(IServiceProvider services, TEvent value, TimerDelivery delivery, CancellationToken cancellationToken);

/// <summary>Takes a delivery of bytes to a handler of events: reads it, opens a scope, calls the handler.</summary>
internal sealed class HandlerBridge<TEvent>(
    IServiceScopeFactory scopes, EventFormat<TEvent> format, JsonSerializerOptions? json, EventHandling<TEvent> handle, ILogger log)
{
    public async Task HandleAsync(TimerDelivery delivery, CancellationToken cancellationToken)
    {
        TEvent value;
        try
        {
            value = format.Read(delivery.Payload, json);
        }
        catch (JsonException e)
        {
            // No retry will read it. It is kept as it is, to be looked at and requeued when there is a build that can.
            delivery.DeserializationFailed = e;
            log.EventNotDeserialized(e, delivery.Id);
            TimerOutcome outcome = await delivery.DeadLetterAsync($"{nameof(JsonException)}: {e.Message}", DeadLetterReason.DeserializationFailed, CancellationToken.None).ConfigureAwait(false);
            if (outcome == TimerOutcome.DeadLettered) log.DeserializationFailed(delivery.Namespace, typeof(TEvent));
            else log.DeserializationFailureNotKept(delivery.Namespace, typeof(TEvent), outcome);
            return;
        }

        AsyncServiceScope scope = scopes.CreateAsyncScope();
        await using (scope.ConfigureAwait(false))
        {
            await handle(scope.ServiceProvider, value, delivery, cancellationToken).ConfigureAwait(false);
        }
    }
}
