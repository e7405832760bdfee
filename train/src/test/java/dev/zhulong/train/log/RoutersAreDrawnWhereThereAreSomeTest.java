package dev.zhulong.train.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class RoutersAreDrawnWhereThereAreSomeTest {
    private static final List<Map<String, Object>> LINES = IntStream.rangeClosed(1, 40).mapToObj(step -> Map.<String, Object>of("step", step, "loss", 3.0,
            "router_entropy", 0.6, "expert_share_0", step <= 20 ? 0.9 : 0.3, "expert_share_1", step <= 20 ? 0.1 : 0.7, "expert_share_least", 0.05)).toList();

    @Test
    void aRunWithoutRoutersHasNone() {
        assertThat(RouterChart.of("run", List.of(Map.of("step", 1, "loss", 3.0)))).isEmpty();
        assertThat(RouterChart.of("run", List.of())).isEmpty();
    }

    @Test
    void theLastTenthIsSummedUp() {
        RouterChart chart = RouterChart.of("run", LINES).orElseThrow();
        assertThat(chart.shares()).hasSize(2);
        assertThat(chart.summary()).contains("0.300 to 0.700", "least of any layer 0.050 (equal: 0.500)", "0.600 nats (no preference: 0.693)");
    }

    @Test
    void thePictureHasEveryCurve() throws IOException {
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(RouterChart.of("run", LINES).orElseThrow().png()));
        assertThat(image.getWidth()).isEqualTo(1200);
        assertThat(image.getHeight()).isEqualTo(1100);
        long colors = IntStream.range(0, 1200 * 1100).map(i -> image.getRGB(i % 1200, i / 1200) & 0xffffff).distinct().filter(color -> {
            int max = Math.max(color >> 16, Math.max(color >> 8 & 255, color & 255));
            int min = Math.min(color >> 16, Math.min(color >> 8 & 255, color & 255));
            return max - min > 100;
        }).count();
        assertThat(colors).isGreaterThan(2);
    }
}
