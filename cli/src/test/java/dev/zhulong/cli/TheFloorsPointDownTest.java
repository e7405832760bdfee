package dev.zhulong.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Keeps imports pointing down, as docs/architecture.md draws the house. */
class TheFloorsPointDownTest {
    private static final String ROOT = "dev.zhulong";

    private static final Map<String, Integer> FLOORS = Map.ofEntries(
            Map.entry("tensor", 0), Map.entry("kernels", 0), Map.entry("formats", 0), Map.entry("edge", 0),
            Map.entry("model", 1), Map.entry("text", 1), Map.entry("media", 1),
            Map.entry("infer", 2), Map.entry("data", 2), Map.entry("distribute", 2),
            Map.entry("evaluate", 3), Map.entry("guard", 3),
            Map.entry("train", 4),
            Map.entry("compress", 5),
            Map.entry("recipe", 6), Map.entry("serve", 6),
            Map.entry("cli", 7));

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            // nor those of other modules, which lie on the class path as jars once they are packed
            .withImportOption(location -> !location.contains("-tests.jar"))
            .importPackages(ROOT);

    @Test
    void aModuleImportsOnlyFloorsBelowItsOwn() {
        classes().should(new ArchCondition<JavaClass>("import only floors below their own") {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                String from = module(type.getPackageName());
                for (var dependency : type.getDirectDependenciesFromSelf()) {
                    String to = module(dependency.getTargetClass().getPackageName());
                    if (to != null && !allowed(from, to)) {
                        events.add(SimpleConditionEvent.violated(type, dependency.getDescription()));
                    }
                }
            }
        }).check(CLASSES);
    }

    @ParameterizedTest
    @CsvSource({
        "cli, tensor, true", "train, model, true", "model, formats, true", "bench, recipe, true", "cli, bench, true", "text, text, true",
        "model, text, false", "tensor, formats, false", "formats, model, false", "infer, data, false", "train, recipe, false",
        "bench, cli, false", "recipe, bench, false", "attic, formats, false", "train, attic, false",
    })
    void theRuleItselfKnowsUpFromDown(String from, String to, boolean expected) {
        assertThat(allowed(from, to)).isEqualTo(expected);
    }

    /** Benchmarks stand beside the house: they see all of it but the roof, and only the roof (which starts them) sees them. */
    private static boolean allowed(String from, String to) {
        if (from.equals(to)) {
            return true;
        }
        if (from.equals("bench")) {
            return FLOORS.containsKey(to) && !to.equals("cli");
        }
        if (to.equals("bench")) {
            return from.equals("cli");
        }
        return FLOORS.containsKey(from) && FLOORS.containsKey(to) && FLOORS.get(to) < FLOORS.get(from);
    }

    /** Or it could not be built where MKL is left out, or is not made for the machine. */
    @Test
    void nothingNeedsMklToBeBuilt() {
        noClasses().should().dependOnClassesThat().resideInAPackage("org.bytedeco.mkl..").check(CLASSES);
    }

    @Test
    void onlyTensorSeesLibtorch() {
        noClasses().that().resideOutsideOfPackage(ROOT + ".tensor..")
                .should().dependOnClassesThat().resideInAPackage("org.bytedeco..")
                .check(CLASSES);
    }

    @Test
    void noTensorTypeOfLibtorchIsInAPublicSignature() {
        var leaks = CLASSES.stream()
                .filter(type -> type.getModifiers().contains(JavaModifier.PUBLIC))
                .flatMap(type -> type.getMethods().stream())
                .filter(method -> method.getModifiers().contains(JavaModifier.PUBLIC))
                .filter(method -> method.getRawReturnType().getPackageName().startsWith("org.bytedeco")
                        || method.getRawParameterTypes().stream().anyMatch(type -> type.getPackageName().startsWith("org.bytedeco")))
                .map(method -> method.getFullName())
                .sorted()
                .toList();
        assertThat(leaks).isEmpty();
    }

    /** A GPU's memory cannot be read from here: these ask where a tensor lies first, or have its memory from the disk. */
    @Test
    void onlyWhoAsksForTheDeviceReadsATensorsMemory() {
        noClasses().that().resideOutsideOfPackage(ROOT + ".tensor..").and().doNotHaveSimpleName("FetchedTensor").and().doNotHaveSimpleName("QuantizedMatrix")
                .and().doNotHaveSimpleName("StreamedState").and().doNotHaveSimpleName("StreamedUpdate").and().doNotHaveSimpleName("ShardedState")
                .and().doNotHaveSimpleName("ShardedGradients").should().callMethod(Tensor.class, "segment").check(CLASSES);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching(ROOT + ".(**)").should().beFreeOfCycles().check(CLASSES);
    }

    /** Without this the rules above would hold over an empty class path. */
    @Test
    void everyModuleWithSourcesIsOnAFloorAndWasRead() throws IOException {
        Path root = Path.of(System.getProperty("zhulong.root"));
        List<String> modules;
        try (var list = Files.list(root)) {
            modules = list.filter(directory -> Files.isRegularFile(directory.resolve("pom.xml")))
                    .filter(directory -> Files.isDirectory(directory.resolve("src/main/java")))
                    .map(directory -> directory.getFileName().toString())
                    // runs inside of Spark, without a class of ours, and is built only when it is asked for
                    .filter(module -> !module.equals("spark"))
                    .sorted()
                    .toList();
        }
        assertThat(modules).contains("cli", "formats", "text");
        assertThat(modules).allSatisfy(module -> {
            assertThat(FLOORS.containsKey(module) || module.equals("bench")).as("floor of %s", module).isTrue();
            assertThat(CLASSES.stream().anyMatch(type -> module.equals(module(type.getPackageName())))).as("classes of %s", module).isTrue();
        });
        assertThat(CLASSES.stream().map(type -> module(type.getPackageName())).distinct()).isSubsetOf(modules);
    }

    /** The module a package belongs to, or null where it is not ours. */
    private static String module(String packageName) {
        if (!packageName.startsWith(ROOT + ".")) {
            return null;
        }
        String rest = packageName.substring(ROOT.length() + 1);
        int dot = rest.indexOf('.');
        return dot < 0 ? rest : rest.substring(0, dot);
    }
}
