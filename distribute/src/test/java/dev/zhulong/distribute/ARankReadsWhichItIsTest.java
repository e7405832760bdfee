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
