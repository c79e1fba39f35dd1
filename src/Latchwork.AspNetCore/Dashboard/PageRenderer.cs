using Microsoft.AspNetCore.Components.Rendering;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchwork.Dashboard;

/// <summary>What a component of the dashboard is given.</summary>
/// <param name="Body">The model of the page or fragment.</param>
internal sealed record View(object Body)
{
    /// <summary>The title of the page.</summary>
    public string Title { get; init; } = "";

    /// <summary>The entry of the navigation that the page belongs to.</summary>
    public string Nav { get; init; } = "";

    /// <summary>The namespace that the page is about; null if it is about none.</summary>
    public string? Namespace { get; init; }

    /// <summary>Where the store is.</summary>
    public string Store { get; init; } = "";

    /// <summary>Whether the user may see the dashboard at all.</summary>
    public bool IsAdmitted { get; init; } = true;

    public bool CanChange { get; init; }

    public bool CanSeePayloads { get; init; }

    /// <summary>What was done before the browser was sent here; null if nothing was.</summary>
    public string? Notice { get; init; }

    /// <summary>The query of the stream that keeps the page up to date; null if none does.</summary>
    public string? Live { get; init; }

    /// <summary>Where to sign out; null if that is not possible here.</summary>
    public string? SignOut { get; init; }

    /// <summary>The name of the field and the token that a form has to send.</summary>
    public (string Field, string Token) Antiforgery { get; init; }

    public T As<T>() => (T)Body;
}

/// <summary>Renders Razor components to HTML on the server. Nothing of them lives on in the browser.</summary>
internal sealed class PageRenderer(IServiceProvider services)
{
    public Task<string> PageAsync<TPage>(View view)
        where TPage : IComponent => RenderAsync(view, typeof(TPage), inLayout: true);

    public Task<string> FragmentAsync<TFragment>(View view)
        where TFragment : IComponent => RenderAsync(view, typeof(TFragment), inLayout: false);

    private async Task<string> RenderAsync(View view, Type component, bool inLayout)
    {
        var renderer = new HtmlRenderer(services, services.GetRequiredService<ILoggerFactory>());
        await using (renderer.ConfigureAwait(false))
        {
            var parameters = ParameterView.FromDictionary(new Dictionary<string, object?>
            {
                [nameof(Root.View)] = view,
                [nameof(Root.Component)] = component,
                [nameof(Root.InLayout)] = inLayout,
            });
            return await renderer.Dispatcher.InvokeAsync(async () => (await renderer.RenderComponentAsync<Root>(parameters).ConfigureAwait(false)).ToHtmlString()).ConfigureAwait(false);
        }
    }

    /// <summary>Gives the view to all components within.</summary>
    private sealed class Root : ComponentBase
    {
        [Parameter]
        public View? View { get; set; }

        [Parameter]
        public Type? Component { get; set; }

        [Parameter]
        public bool InLayout { get; set; }

        protected override void BuildRenderTree(RenderTreeBuilder builder)
        {
            builder.OpenComponent<CascadingValue<View>>(0);
            builder.AddComponentParameter(1, "Value", View);
            builder.AddComponentParameter(2, "IsFixed", true);
            builder.AddComponentParameter(3, "ChildContent", (RenderFragment)(InLayout ? Layout : Content));
            builder.CloseComponent();
        }

        private void Layout(RenderTreeBuilder builder)
        {
            builder.OpenComponent<Pages.Layout>(0);
            builder.AddComponentParameter(1, "ChildContent", (RenderFragment)Content);
            builder.CloseComponent();
        }

        private void Content(RenderTreeBuilder builder)
        {
            builder.OpenComponent(0, Component!);
            builder.CloseComponent();
        }
    }
}
