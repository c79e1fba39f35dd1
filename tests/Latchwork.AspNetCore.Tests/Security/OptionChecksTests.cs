using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Security;

public sealed class OptionChecksTests
{
    [Fact]
    public void Options_are_checked_once_beside_what_the_application_checks_itself()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Services.AddSingleton<IValidateOptions<HttpApiOptions>, Own>().AddSingleton<IValidateOptions<DashboardOptions>, Own>();
        builder.Services.AddLatchwork().UseInMemory().AddHttpApi(options => options.MaxWaiting = 0).AddDashboard(options => options.MaxStreams = -1);
        builder.Services.AddKeyedLatchwork("jobs").UseInMemory().AddHttpApi().AddDashboard();
        using ServiceProvider services = builder.Services.BuildServiceProvider();

        services.GetServices<IValidateOptions<HttpApiOptions>>().Count(static one => one is OptionSetValidator<HttpApiOptions>).ShouldBe(1);
        services.GetServices<IValidateOptions<DashboardOptions>>().Count(static one => one is OptionSetValidator<DashboardOptions>).ShouldBe(1);
        string failures = Should.Throw<AggregateException>(services.GetRequiredService<IStartupValidator>().Validate).ToString();
        failures.ShouldContain("'MaxWaiting' must be between 1 and 10000; it is 0.");
        failures.ShouldContain("'MaxStreams' must be between 0 and 10000; it is -1.");
    }

    private sealed class Own : IValidateOptions<HttpApiOptions>, IValidateOptions<DashboardOptions>
    {
        public ValidateOptionsResult Validate(string? name, HttpApiOptions options) => ValidateOptionsResult.Success;

        public ValidateOptionsResult Validate(string? name, DashboardOptions options) => ValidateOptionsResult.Success;
    }
}
