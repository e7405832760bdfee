package dev.zhulong.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import dev.zhulong.model.Network;
import dev.zhulong.tensor.Libtorch;
import java.security.SecureRandom;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Trap 90, and "same seed, same bits": nothing draws without a seed, and the program's one shared stream is not reseeded in passing. */
class RandomnessComesFromSeedsTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.zhulong");

    /** Keys and ids of answers, the mark by which a sandbox knows that tests have passed, and what ranks prove their key with. */
    private static final List<String> NOT_TO_BE_GUESSED = List.of("dev.zhulong.serve.ApiKeys", "dev.zhulong.serve.Shape", "dev.zhulong.evaluate.code.JavaSandbox",
            "dev.zhulong.distribute.Handshake");
    /** A request that names no seed is to have another answer each time. */
    private static final List<String> SEED_OF_A_REQUEST = List.of("dev.zhulong.serve.Sampling");

    private static final List<ArchRule> UNSEEDED = List.of(
            noClasses().should().callMethod(Math.class, "random"),
            noClasses().should().callMethod(StrictMath.class, "random"),
            noClasses().should().callConstructor(Random.class),
            noClasses().should().callConstructor(SplittableRandom.class),
            noClasses().should().callMethod(Collections.class, "shuffle", List.class),
            noClasses().should().callMethod(UUID.class, "randomUUID"),
            noClasses().that(areNotNamed(NOT_TO_BE_GUESSED)).should().dependOnClassesThat().areAssignableTo(SecureRandom.class),
            noClasses().that(areNotNamed(SEED_OF_A_REQUEST)).should().dependOnClassesThat().areAssignableTo(ThreadLocalRandom.class));

    private static DescribedPredicate<JavaClass> areNotNamed(List<String> names) {
        return DescribedPredicate.describe("are none of " + names, each -> !names.contains(each.getName()));
    }

    @Test
    void nothingDrawsWithoutASeed() {
        UNSEEDED.forEach(rule -> rule.check(CLASSES));
    }

    /** libtorch's stream is the program's own: set where a run begins, fresh weights or a mask are drawn, by no data or sampler. */
    @Test
    void onlyARunAndFreshWeightsSeedLibtorch() {
        List<String> callers = CLASSES.get(Libtorch.class).getMethodCallsToSelf().stream()
                .filter(call -> call.getTarget().getName().equals("seed"))
                .map(call -> call.getOriginOwner().getName()).filter(name -> !name.equals(Libtorch.class.getName())).distinct().sorted().toList();
        assertThat(callers).isSubsetOf(Network.class.getName(), "dev.zhulong.model.Dropout", "dev.zhulong.train.Trainer", "dev.zhulong.bench.TrainBench",
                "dev.zhulong.bench.AttentionBench")
                .contains(Network.class.getName());
    }

    @Test
    void theRulesSeeWhatTheyForbid() {
        JavaClasses bad = new ClassFileImporter().importClasses(Careless.class);
        assertThat(bad.stream().map(JavaClass::getSimpleName)).containsExactly("Careless");
        assertThat(UNSEEDED).allMatch(rule -> rule.evaluate(bad).hasViolation());
    }

    static final class Careless {
        static Stream<Object> draw(List<Integer> list) {
            Collections.shuffle(list);
            return Stream.of(Math.random(), StrictMath.random(), new Random(), new SplittableRandom(), UUID.randomUUID(), new SecureRandom(),
                    ThreadLocalRandom.current());
        }
    }
}
