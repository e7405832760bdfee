package dev.zhulong.train.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.train.log.LossCurve.Point;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class LossChartIsReadableTest {

    private static final LossCurve TRAINING = new LossCurve(IntStream.range(0, 3_000)
            .mapToObj(i -> new Point(i, 2 + 7 * Math.exp(-i / 300.0) + 0.3 * Math.sin(i * 2.7))).toList());
    private static final LossCurve VALIDATION = new LossCurve(IntStream.range(0, 12)
            .mapToObj(i -> new Point(i * 250 + 249, 2.1 + 7 * Math.exp(-i * 250 / 300.0))).toList());

    @Test
    void pngHasItsSizeAndAllThreeCurves() throws IOException {
        byte[] png = new LossChart("quickstart", "loss (nats a token)", TRAINING, VALIDATION).png();
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png));
        assertThat(image.getWidth()).isEqualTo(1200);
        assertThat(image.getHeight()).isEqualTo(700);
        for (int color : new int[] {0xb7cdf0, 0x1f5fbf, 0xd9480f}) {
            long pixels = IntStream.range(0, 1200 * 700).filter(i -> (image.getRGB(i % 1200, i / 1200) & 0xffffff) == color).count();
            assertThat(pixels).as("pixels of %06x", color).isGreaterThan(200);
        }
    }

    @Test
    void pngOfNothingAndOfOnePointStillDraws() throws IOException {
        LossCurve none = new LossCurve(List.of());
        LossCurve one = new LossCurve(List.of(new Point(3, 2.5), new Point(4, Double.NaN)));
        assertThat(ImageIO.read(new ByteArrayInputStream(new LossChart("t", "loss", none, none).png()))).isNotNull();
        assertThat(ImageIO.read(new ByteArrayInputStream(new LossChart("t", "loss", one, one).png()))).isNotNull();
        assertThat(new LossChart("t", "loss", none, none).svg()).contains("no measurements yet");
        assertThat(new LossChart("t", "loss", one, none).svg()).contains("<svg").doesNotContain("NaN");
    }

    @Test
    void svgIsWellFormedWithHostileTextAndHasPointsInsideThePlot() throws Exception {
        String svg = new LossChart("<script>alert('烛龙 & \"you\"')\u0000</script>", "loss (nats)", TRAINING, VALIDATION).svg();
        Document document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(svg)));
        assertThat(document.getElementsByTagName("script").getLength()).isZero();
        assertThat(document.getDocumentElement().getAttribute("aria-label")).startsWith("<script>alert('烛龙 & \"you\"')");
        NodeList lines = document.getElementsByTagName("polyline");
        assertThat(lines.getLength()).isEqualTo(3);
        for (int i = 0; i < lines.getLength(); i++) {
            String[] places = lines.item(i).getAttributes().getNamedItem("points").getNodeValue().split(" ");
            assertThat(places.length).isBetween(12, 1_000);
            for (String place : places) {
                assertThat(Double.parseDouble(place.split(",")[0])).isBetween(80.0, 1176.0);
                assertThat(Double.parseDouble(place.split(",")[1])).isBetween(52.0, 634.0);
            }
        }
        assertThat(document.getElementsByTagName("circle").getLength()).isEqualTo(12);
        assertThat(svg).contains("optimizer steps").contains("loss (nats)").contains("currentColor").contains(">2,000<");
        assertThat(svg.length()).isLessThan(100_000);
    }

    @Test
    void svgDoesNotDependOnTheMachinesLocale() {
        LossChart chart = new LossChart("t", "loss", TRAINING, VALIDATION);
        String expected = chart.svg();
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.forLanguageTag("ar-EG"));
            assertThat(chart.svg()).isEqualTo(expected);
            Locale.setDefault(Locale.GERMANY);
            assertThat(chart.svg()).isEqualTo(expected);
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void smoothingDoesNotLagAndThinningKeepsTheExtremes() {
        LossCurve line = new LossCurve(IntStream.range(0, 100).mapToObj(i -> new Point(i, 3.0 - 0.01 * i)).toList());
        for (int i = 0; i < 100; i++) {
            assertThat(line.smoothed(20).points().get(i).loss()).isCloseTo(3 - 0.01 * i, within(1e-12));
        }
        LossCurve zigzag = new LossCurve(IntStream.range(0, 5).mapToObj(i -> new Point(i, i % 2 * 3)).toList());
        assertThat(zigzag.smoothed(1).points()).extracting(Point::loss).containsExactly(0.0, 1.0, 2.0, 1.0, 0.0);
        assertThat(zigzag.smoothed(0)).isEqualTo(zigzag);

        List<Point> spiky = new ArrayList<>(TRAINING.points());
        spiky.set(1_234, new Point(1_234, 99));
        LossCurve thin = new LossCurve(spiky).thinned(100);
        assertThat(thin.points()).hasSizeLessThanOrEqualTo(200).contains(new Point(1_234, 99)).isSortedAccordingTo(
                (a, b) -> Double.compare(a.step(), b.step()));
    }

    @Test
    void axesHaveRoundTicksAroundAllValues() {
        LossSvg.Axis axis = LossSvg.Axis.over(List.of(1.87, 9.2), 600, 50);
        assertThat(axis.low()).isEqualTo(0);
        assertThat(axis.high()).isEqualTo(10);
        assertThat(axis.ticks().stream().map(axis::label)).containsExactly("0", "2", "4", "6", "8", "10");
        LossSvg.Axis small = LossSvg.Axis.over(List.of(0.012, 0.0131), 0, 1);
        assertThat(small.ticks().stream().map(small::label)).contains("0.0120", "0.0130");
        assertThat(LossSvg.Axis.over(List.of(2.5), 0, 1).ticks()).hasSizeGreaterThan(2);
    }

    @Test
    void curvesComeFromTheLinesThatHaveTheField() {
        assertThat(LossCurve.of(List.of(Map.of("step", 1, "loss", 2.5), Map.of("step", 2), Map.of("step", 3, "loss", "NaN"),
                Map.of("step", 4, "loss", 2)), "loss").points()).containsExactly(new Point(1, 2.5), new Point(4, 2));
    }
}
