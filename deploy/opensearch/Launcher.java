import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;

/**
 * Runs one OpenSearch node from jars on a flat class path, for laptops and tests.
 *
 * usage: java -cp 'lib/*' Launcher.java CONFIG_DIR PLUGIN_CLASS...
 *
 * CONFIG_DIR holds opensearch.yml and log4j2.properties. The node is built directly, without Bootstrap,
 * so it has neither a security manager nor the check against running as root: never use it in production.
 */
public class Launcher {
    /** Node's constructor that takes plugin classes is protected; a subclass is the supported way to reach it. */
    private static final class FlatNode extends Node {
        FlatNode(Environment environment, Collection<Class<? extends Plugin>> plugins) {
            super(environment, plugins, false);
        }
    }

    public static void main(String[] args) throws Exception {
        Path config = Path.of(args[0]).toAbsolutePath();
        if (!Files.isRegularFile(config.resolve("opensearch.yml"))) {
            System.err.println("no opensearch.yml in " + config);
            System.exit(2);
        }
        // The home is needed to find the configuration, so it can't come from opensearch.yml itself.
        Settings home = Settings.builder().put("path.home", config.getParent().toString()).build();
        Environment environment =
            InternalSettingsPreparer.prepareEnvironment(home, Map.of(), config, () -> "footnote");
        LogConfigurator.setNodeName("footnote");
        LogConfigurator.configure(environment);
        Node node = new FlatNode(environment, plugins(args));
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                System.err.println("the node did not close cleanly: " + e);
            } finally {
                stopped.countDown();
            }
        }));
        node.start();
        stopped.await();
    }

    private static List<Class<? extends Plugin>> plugins(String[] args) throws ClassNotFoundException {
        List<Class<? extends Plugin>> plugins = new ArrayList<>();
        for (int i = 1; i < args.length; i++) {
            plugins.add(Class.forName(args[i]).asSubclass(Plugin.class));
        }
        return plugins;
    }
}
