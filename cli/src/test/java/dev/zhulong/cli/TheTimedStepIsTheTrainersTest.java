package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.zhulong.bench.TrainBench;
import dev.zhulong.bench.ZeroBench;
import dev.zhulong.model.Network;
import dev.zhulong.train.Objective;
import dev.zhulong.train.Optimizer;
import dev.zhulong.train.State;
import dev.zhulong.train.TrainStep;
import dev.zhulong.train.Trainer;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** A slower trainer is to show in {@code bench train}: there is one step, and both run it. */
class TheTimedStepIsTheTrainersTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.zhulong.train", "dev.zhulong.bench", "dev.zhulong.recipe", "dev.zhulong.cli");

    /** The places where what is trained may lie. */
    private static final String IN_MEMORY = "dev.zhulong.train.InMemory";
    private static final String ON_DISK = "dev.zhulong.train.StreamedUpdate";
    private static final String SHARED = "dev.zhulong.train.ShardedState";
    /** Computes gradients for another rank that makes the step. */
    private static final String SERVED = "dev.zhulong.train.Worker";
    /** Hands on to another optimizer what it is asked, and looks at the memory. */
    private static final String WATCHED = ZeroBench.class.getName() + "$Sampled$1";

    private static Set<String> callers(Class<?> of, String method) {
        return CLASSES.get(of).getMethodCallsToSelf().stream().filter(call -> call.getTarget().getName().equals(method)).map(JavaAccess::getOriginOwner)
                .map(each -> each.getName()).collect(Collectors.toSet());
    }

    @Test
    void gradientsAndUpdatesComeFromOnePlace() {
        assertThat(callers(State.class, "update")).containsExactly(TrainStep.class.getName());
        assertThat(callers(Optimizer.class, "step")).containsExactlyInAnyOrder(IN_MEMORY, ON_DISK, SHARED, WATCHED);
        assertThat(callers(Objective.class, "accumulate")).containsExactlyInAnyOrder(TrainStep.class.getName(), SERVED);
        assertThat(callers(TrainStep.class, "run")).containsExactlyInAnyOrder(Trainer.class.getName(), TrainBench.class.getName(), ZeroBench.class.getName());
    }

    @Test
    void theSameWeightsDecay() {
        Set<String> askers = CLASSES.stream().flatMap(each -> each.getMethodCallsFromSelf().stream())
                .filter(call -> call.getTarget().getName().equals("decayed") && call.getTargetOwner().isAssignableTo(Network.class))
                .map(call -> call.getOriginOwner().getName()).collect(Collectors.toSet());
        assertThat(askers).containsExactlyInAnyOrder(State.class.getName(), ON_DISK, SHARED, TrainBench.class.getName());
    }
}
