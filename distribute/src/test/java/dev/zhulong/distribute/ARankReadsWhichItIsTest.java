package dev.zhulong.distribute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ARankReadsWhichItIsTest {
    private static final Group GROUP = Ranked.group(2, 3, 40_000, Duration.ofMillis(1500));

    @Test
    void fromWhatItsStarterWrote() {
        Group read = GroupVariables.read(GroupVariables.of(GROUP)).orElseThrow();
        assertThat(read).usingRecursiveComparison().isEqualTo(GROUP);
        assertThat(GroupVariables.read(Map.of("PATH", "/bin"))).isEmpty();
    }

    @Test
    void fromTorchrunKubernetesAndSlurm() {
        Map<String, String> torchrun = Map.of("TORCHELASTIC_RUN_ID", "none", "TORCHELASTIC_USE_AGENT_STORE", "True", "TORCHELASTIC_RESTART_COUNT", "2", "RANK", "1", "WORLD_SIZE", "4",
                "LOCAL_WORLD_SIZE", "2", "MASTER_ADDR", "node0", "MASTER_PORT", "46869");
        assertThat(Launched.read(torchrun)).contains(new Launched("torchrun", 1, 4, false, 2, "node0:46869", "none"));
        assertThat(Launched.read(Map.of("JOB_COMPLETION_INDEX", "3"))).contains(new Launched("Kubernetes", 3, 0, false, 0, "", ""));
        assertThat(Launched.read(Map.of("SLURM_PROCID", "1", "SLURM_NTASKS", "2"))).contains(new Launched("Slurm", 1, 2, false, 0, "", ""));
        assertThat(Launched.read(Map.of("RANK", "1", "WORLD_SIZE", "2"))).isEmpty();
        for (String missing : torchrun.keySet()) {
            Map<String, String> without = new HashMap<>(torchrun);
            without.remove(missing);
            if (!missing.equals("TORCHELASTIC_RUN_ID")) {
                assertThatIllegalArgumentException().isThrownBy(() -> Launched.read(without)).withMessageContaining(missing);
            }
        }
        assertThatIllegalArgumentException().isThrownBy(() -> Launched.read(Map.of("SLURM_PROCID", "x", "SLURM_NTASKS", "2"))).withMessageContaining("SLURM_PROCID");
    }

    @Test
    void andWhatMakesNoSenseIsNamed() {
        Map<String, String> without = new HashMap<>(GroupVariables.of(GROUP));
        without.remove("ZHULONG_MASTER_PORT");
        assertThatIllegalArgumentException().isThrownBy(() -> GroupVariables.read(without)).withMessageContaining("ZHULONG_MASTER_PORT");
        for (var wrong : Map.of("ZHULONG_RANK", "3", "ZHULONG_WORLD_SIZE", "many", "ZHULONG_CLUSTER_KEY", "xy").entrySet()) {
            Map<String, String> changed = new HashMap<>(GroupVariables.of(GROUP));
            changed.put(wrong.getKey(), wrong.getValue());
            assertThatIllegalArgumentException().as(wrong.getKey()).isThrownBy(() -> GroupVariables.read(changed));
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new Group(0, 2, 0, "h", 1, "b", new byte[15], Duration.ofSeconds(1))).withMessageContaining("16");
    }
}
