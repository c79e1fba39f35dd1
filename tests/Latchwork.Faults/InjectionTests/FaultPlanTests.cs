using Latchwork.Faults.Injection;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.InjectionTests;

public sealed class FaultPlanTests
{
    private static readonly TimeSpan _length = TimeSpan.FromMinutes(2);

    [Fact]
    public void The_same_seed_gives_the_same_plan_and_another_one_another()
    {
        FaultKind[] all = Enum.GetValues<FaultKind>();
        FaultPlan.Make(7, _length, all, 9).ShouldBe(FaultPlan.Make(7, _length, all, 9));
        FaultPlan.Make(7, _length, all, 9).ShouldNotBe(FaultPlan.Make(8, _length, all, 9));
    }

    [Fact]
    public void A_plan_has_all_kinds_that_it_may_have_and_no_others_and_ends_in_time()
    {
        FaultKind[] some = [FaultKind.Kill, FaultKind.Cut, FaultKind.Restart, FaultKind.Flush];
        IReadOnlyList<PlannedFault> plan = FaultPlan.Make(3, _length, some, 9);
        plan.Select(fault => fault.Kind).Distinct().ShouldBe(some, ignoreOrder: true);
        plan.ShouldAllBe(fault => fault.At >= FaultPlan.Start && fault.At + fault.Duration <= _length);
        FaultPlan.Make(3, _length, [], 9).ShouldBeEmpty();
    }

    [Fact]
    public void Two_faults_never_have_the_same_worker_or_the_store_at_once()
    {
        IReadOnlyList<PlannedFault> plan = FaultPlan.Make(5, _length, Enum.GetValues<FaultKind>(), 9);
        foreach (IGrouping<int, PlannedFault> same in plan.GroupBy(fault => FaultPlan.IsOnWorker(fault.Kind) ? fault.Target : -1))
        {
            PlannedFault[] inOrder = [.. same.OrderBy(fault => fault.At)];
            foreach ((PlannedFault one, PlannedFault next) in inOrder.Zip(inOrder.Skip(1))) (one.At + one.Duration).ShouldBeLessThanOrEqualTo(next.At);
        }
    }
}
