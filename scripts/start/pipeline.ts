import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServiceProcess, type ServiceProcess } from "./service-process.ts";

type Env = Readonly<Record<string, string | undefined>>;

export const serviceNames = ["api", "ingestor", "matcher", "delivery"] as const;
export type ServiceName = (typeof serviceNames)[number];

/** The usual ports of the services; each falls back to a free one. */
export const servicePorts: Readonly<Record<ServiceName, { variable: string; usual: number }>> = {
  api: { variable: "API_PORT", usual: 3000 },
  ingestor: { variable: "INGESTOR_PORT", usual: 9464 },
  matcher: { variable: "MATCHER_PORT", usual: 9465 },
  delivery: { variable: "DELIVERY_PORT", usual: 9466 },
};

const readyDeadlineMs = 30_000;

export interface PipelineOptions {
  /** Settings that all services share. */
  readonly env: Env;
  readonly ports: Readonly<Record<string, number>>;
  readonly logsFolder: string;
  readonly onNotice: (sentence: string) => void;
}

/** The services as production runs them: one process each, configured by their environment. */
export interface Pipeline {
  /** Starts a service and resolves when it is ready. */
  start(name: ServiceName): Promise<ServiceProcess>;
  /** Stops a service, as a person who wants it to stay stopped. */
  stop(name: ServiceName): Promise<void>;
  /** Those that were started, with where they answer. */
  running(): readonly ServiceProcess[];
  /** Resolves with a sentence when a service is dead for good. */
  readonly died: Promise<string>;
  /** Stops all: what feeds the others first. */
  stopAll(): Promise<void>;
}

export function createPipeline(options: PipelineOptions): Pipeline {
  const processes = new Map<ServiceName, ServiceProcess>();
  const died = Promise.withResolvers<string>();

  async function stop(name: ServiceName): Promise<void> {
    const service = processes.get(name);
    processes.delete(name);
    await service?.stop();
  }

  return {
    died: died.promise,
    running: () => [...processes.values()],
    stop,
    stopAll: async () => {
      await Promise.all(serviceNames.map(stop));
    },
    async start(name) {
      const port = options.ports[servicePorts[name].variable] ?? servicePorts[name].usual;
      const service = startServiceProcess({
        name,
        mainPath: fileURLToPath(new URL(`../../services/${name}/src/main.ts`, import.meta.url)),
        env: { ...options.env, HTTP_HOST: "127.0.0.1", HTTP_PORT: String(port) },
        url: `http://127.0.0.1:${port}`,
        logPath: join(options.logsFolder, `${name}.log`),
        onNotice: options.onNotice,
      });
      processes.set(name, service);
      void service.died.then((sentence) => died.resolve(sentence));
      await service.ready(readyDeadlineMs);
      return service;
    },
  };
}
