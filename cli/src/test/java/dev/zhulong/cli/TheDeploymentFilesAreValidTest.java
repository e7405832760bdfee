package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.kubernetes.client.openapi.JSON;
import io.kubernetes.client.openapi.models.V1Deployment;
import io.kubernetes.client.openapi.models.V1Job;
import io.kubernetes.client.openapi.models.V1NetworkPolicy;
import io.kubernetes.client.openapi.models.V1PodDisruptionBudget;
import io.kubernetes.client.openapi.models.V1Service;
import io.kubernetes.client.openapi.models.V2HorizontalPodAutoscaler;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/** Against the schema of Kubernetes' API, as its own client for Java has it, and against the server they start. */
class TheDeploymentFilesAreValidTest {
    private static final Path ROOT = Path.of(System.getProperty("zhulong.root"));
    private static final Path DIRECTORY = ROOT.resolve("deploy/kubernetes");
    private static final Map<String, Class<?>> KINDS = Map.of("apps/v1 Deployment", V1Deployment.class, "v1 Service", V1Service.class, "policy/v1 PodDisruptionBudget",
            V1PodDisruptionBudget.class, "autoscaling/v2 HorizontalPodAutoscaler", V2HorizontalPodAutoscaler.class, "networking.k8s.io/v1 NetworkPolicy", V1NetworkPolicy.class, "batch/v1 Job", V1Job.class);

    private static List<JsonElement> documents(String file) throws IOException {
        List<JsonElement> all = new ArrayList<>();
        for (Object each : new Yaml().loadAll(Files.readString(DIRECTORY.resolve(file)))) {
            all.add(new Gson().toJsonTree(each));
        }
        return all;
    }

    private static void validate(JsonElement tree) throws Exception {
        JsonObject object = tree.getAsJsonObject();
        Class<?> type = KINDS.get(object.get("apiVersion").getAsString() + " " + object.get("kind").getAsString());
        assertThat(type).as(object.toString()).isNotNull();
        try {
            type.getMethod("validateJsonElement", JsonElement.class).invoke(null, tree);
        } catch (InvocationTargetException e) {
            throw (Exception) e.getCause();
        }
        // and of the right types
        assertThat(JSON.getGson().fromJson(tree, type)).isNotNull();
    }

    private static <T> T only(String file, String kind, Class<T> type) throws IOException {
        return JSON.getGson().fromJson(documents(file).stream().filter(each -> each.getAsJsonObject().get("kind").getAsString().equals(kind)).findFirst().orElseThrow(), type);
    }

    @Test
    @SuppressWarnings("unchecked")
    void everyManifestKeepsToTheSchema() throws Exception {
        Map<String, Object> all = new Yaml().load(Files.readString(DIRECTORY.resolve("kustomization.yaml")));
        List<String> files = (List<String>) all.get("resources");
        try (var there = Files.list(DIRECTORY)) {
            assertThat(there.map(file -> file.getFileName().toString()).filter(name -> !name.startsWith("kustom"))).containsExactlyInAnyOrderElementsOf(files);
        }
        int count = 0;
        for (String file : files) {
            for (JsonElement document : documents(file)) {
                validate(document);
                count++;
            }
        }
        assertThat(count).isEqualTo(7);
    }

    @Test
    void theSchemaSeesAMistake() throws Exception {
        JsonElement wrong = documents("server.yaml").getFirst();
        wrong.getAsJsonObject().getAsJsonObject("spec").getAsJsonObject("template").getAsJsonObject("spec").getAsJsonArray("containers").get(0).getAsJsonObject()
                .addProperty("portz", 1);
        assertThatThrownBy(() -> validate(wrong)).hasMessageContaining("portz");
    }

    @Test
    void theServerIsStartedWithOptionsItHasAndAskedWhatItAnswers() throws Exception {
        var deployment = only("server.yaml", "Deployment", V1Deployment.class);
        var pod = deployment.getSpec().getTemplate().getSpec();
        var container = pod.getContainers().getFirst();
        var verb = (ServeVerb) Main.commands().parseArgs(container.getArgs().toArray(String[]::new)).subcommand().commandSpec().userObject();
        assertThat(verb.port).isEqualTo(container.getPorts().getFirst().getContainerPort());
        assertThat(pod.getTerminationGracePeriodSeconds()).as("what was begun has time to end").isGreaterThan(verb.requestTimeout + 8L);
        assertThat(container.getReadinessProbe().getHttpGet().getPath()).isEqualTo("/ready");
        assertThat(container.getLivenessProbe().getHttpGet().getPath()).isEqualTo("/health");
        var mounts = container.getVolumeMounts().stream().map(mount -> mount.getMountPath()).toList();
        assertThat(List.of(verb.model, verb.keys)).allMatch(path -> mounts.stream().anyMatch(path::startsWith));
        var cache = only("cache.yaml", "Service", V1Service.class);
        assertThat(verb.cache).isEqualTo("redis://" + cache.getMetadata().getName() + ":" + cache.getSpec().getPorts().getFirst().getPort());
        assertThat(only("autoscaler.yaml", "HorizontalPodAutoscaler", V2HorizontalPodAutoscaler.class).getSpec().getScaleTargetRef().getName())
                .isEqualTo(deployment.getMetadata().getName());
    }

    @Test
    void theRanksOfAJobMeetAtItsFirst() throws Exception {
        for (JsonElement document : documents("../training/job.yaml")) {
            validate(document);
        }
        var job = only("../training/job.yaml", "Job", V1Job.class);
        var pod = job.getSpec().getTemplate().getSpec();
        var verb = cluster(pod.getContainers().getFirst().getArgs());
        assertThat(job.getSpec().getCompletionMode()).isEqualTo("Indexed");
        assertThat(verb.worldSize).isEqualTo(job.getSpec().getCompletions()).isEqualTo(job.getSpec().getParallelism());
        var service = only("../training/job.yaml", "Service", V1Service.class);
        assertThat(service.getSpec().getPublishNotReadyAddresses()).isTrue();
        assertThat(verb.master).startsWith(job.getMetadata().getName() + "-0." + service.getMetadata().getName() + ":");
        assertThat(pod.getSubdomain()).isEqualTo(service.getMetadata().getName());
        assertThat(service.getSpec().getSelector()).isEqualTo(job.getSpec().getTemplate().getMetadata().getLabels());
        var mounts = pod.getContainers().getFirst().getVolumeMounts().stream().map(mount -> mount.getMountPath()).toList();
        assertThat(mounts).anyMatch(verb.keyFile.toString()::startsWith);
    }

    @Test
    void slurmsTasksAreRanks() throws Exception {
        List<String> lines = Files.readAllLines(DIRECTORY.resolve("../training/slurm.sh"));
        String command = lines.stream().filter(line -> line.startsWith("srun ./zhulong ")).findFirst().orElseThrow().substring("srun ./zhulong ".length());
        var verb = cluster(List.of(command.replace("\"$first:29500\"", "node1:29500").split(" ")));
        assertThat(List.of(verb.master, verb.keyFile.toString(), verb.job.getFirst())).containsExactly("node1:29500", "key", "pretrain");
        assertThat(lines).contains("#SBATCH --ntasks-per-node=1", "#SBATCH --requeue");
        assertThat(new ProcessBuilder("bash", "-n", DIRECTORY.resolve("../training/slurm.sh").toString()).start().waitFor()).isZero();
    }

    private static TrainClusterVerb cluster(List<String> arguments) {
        String[] words = arguments.toArray(String[]::new);
        return (TrainClusterVerb) Main.commands(words).parseArgs(words).subcommand().commandSpec().userObject();
    }

    @Test
    void theContainerHasWhatTheServerNeeds() throws Exception {
        List<String> lines = Files.readAllLines(ROOT.resolve("Dockerfile"));
        assertThat(lines).contains("EXPOSE 8080", "USER 10001:10001", "ENTRYPOINT [\"./zhulong\"]");
        assertThat(lines.stream().filter(line -> line.startsWith("ENV ZHULONG_BUILD")).distinct()).as("of both stages, or the second would build again").hasSize(1);
        assertThat(Files.readAllLines(ROOT.resolve(".dockerignore"))).contains(".git", "target");
    }
}
